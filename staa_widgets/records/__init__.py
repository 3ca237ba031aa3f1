"""Records: numpy arrays kept of one forward pass, the contract between models and methods.

Begin with `geometry`, the layout of tokens, then `record`.
"""
