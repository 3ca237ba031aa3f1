"""Reading attention from queries and keys, whatever the family.

Begin with `joint` and `pooled`, the readers that families share; `ops` holds the tensor functions they use.
"""
