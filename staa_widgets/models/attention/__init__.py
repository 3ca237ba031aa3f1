"""Compute attention from queries and keys, for all families.

Begin with `joint`, `divided` and `pooled`, the readers that families share; `ops` holds the tensor functions that they
use.
"""
