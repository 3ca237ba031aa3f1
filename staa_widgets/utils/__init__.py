"""Helpers that are independent of videos and models: JSON, files, frozen arrays, registries, progress, HTML.

Begin with `files`, which replaces a file in one step.
"""
