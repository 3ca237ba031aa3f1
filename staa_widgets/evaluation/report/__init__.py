"""HTML report of `Results`: one page with tables and figures.

Begin with `page`, which assembles the page; each figure has its own module.
"""
