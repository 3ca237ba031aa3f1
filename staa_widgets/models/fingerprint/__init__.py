"""Digests that identify a model: one of its weights, and one of everything that determines its output.

Begin with `digest`. `description` describes a module and all its parts in words; `installed` and `packages` tell the
code of packages from the user's own, `environment` adds the state of torch, `tensors` reads contents, and `unreadable`
names values that cannot be described.
"""
