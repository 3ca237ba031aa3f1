"""Digests that identify a model in the keys of the cache.

Begin with `weights.weights_digest`; `code` adds what a wrapped module computes besides its weights.
"""
