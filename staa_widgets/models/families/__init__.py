"""One file for each model family: its token layout, its reader, and its `Family` for `staa_widgets.models.registry`.

To add a family, write a file here and register it in `FAMILIES` of `staa_widgets.models.registry`. Begin with `vivit`,
the simplest; `docs/families.md` says more.
"""
