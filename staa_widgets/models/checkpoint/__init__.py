"""Read classifiers from folders and repositories that other people wrote, none of which may run or fetch anything.

Begin with `load` (from a folder or repository to a module). `source` and `hub` find files in a folder and on the
Hugging Face Hub, `refusals` says what is wrong before weights are downloaded, `settings` keeps those settings of
config.json that describe the architecture, `weight_files` finds the files of the weights, and `weights` opens them and
checks names, shapes and types before anything is allocated. `known` lists published classifiers.
"""
