"""HTML report of `Results`: one page with tables and figures.

Begin with `page`, which puts the page together; each figure is in a module of its own.
"""
