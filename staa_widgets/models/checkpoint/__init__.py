"""Read classifiers from folders and repositories that other people wrote, none of which may run or fetch anything.

Begin with `load` (from a folder to a module). `files` finds and reads the files, `settings` keeps those settings of
config.json that describe the architecture, and `weights` checks names, shapes and types before anything is allocated.
"""
