"""The documentation site: `make docs` writes it to `out/docs/html`.

Begin with `__main__.py`, which has the steps in order. `pages/` holds the pages that only the site has; all others are
Markdown files of the repository, or are written by the modules beside this one.
"""
