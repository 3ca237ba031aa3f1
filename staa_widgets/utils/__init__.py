"""Small helpers that know nothing of videos or models: JSON, files, frozen arrays, registries, progress, HTML.

Begin with `files`: how anything is written.
"""
