"""One file a model family: token layout, reader, and its `Family` for `staa_widgets.models.registry`.

Begin with `vivit`, the simplest; `docs/families.md` is the recipe for a new one.
"""
