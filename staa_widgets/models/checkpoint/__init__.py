"""Read classifiers from folders and repositories of other people, whose files can neither run code nor fetch others.

Begin with `load` (from a folder or repository to a module). `source` and `hub` find files in a folder and on the
Hugging Face Hub, `refusals` raises errors before weights are downloaded, `settings` reads from config.json the settings
that describe the architecture, `weight_files` finds the files of the weights, and `weights` opens them and checks
names, shapes and types before memory is allocated. `convert` saves a classifier with safetensors weights. `known` lists
published classifiers.
"""
