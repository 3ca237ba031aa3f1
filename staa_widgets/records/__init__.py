"""Records: the numpy arrays of one forward pass that models write and methods read.

Begin with `geometry`, the layout of tokens, then `record`.
"""
