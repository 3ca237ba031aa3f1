"""The command line `staa`: one file for each command.

Begin with `main.py`, which reads the arguments and calls the command.
"""
