"""Digests by which the cache knows a model again.

Begin with `weights.weights_digest`; `code` adds what a wrapped module computes besides its weights.
"""
