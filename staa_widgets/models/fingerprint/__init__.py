"""Digests that identify a model: of its weights (`weights_digest`), and of everything that determines its output (`model_digest`).

Begin with `digest`. `description` walks through a module and describes each part in words, `classes` and `functions`
describe its code, `environment` the state of torch, and `tensors` makes digests of contents.
"""
