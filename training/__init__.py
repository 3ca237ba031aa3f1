"""Training of the bundled models on drawn actions; not part of the installed package.

Begin with `train`; `card` measures a trained model.
"""
