"""Configuration of Sphinx."""

from staa_widgets import __version__

project = "staa_widgets"
author = "The staa_widgets authors"
copyright = "The staa_widgets authors; Apache-2.0"  # noqa: A001
release = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb", "docs.site.extension"]
html_theme = "sphinx_book_theme"
html_title = "staa_widgets"
html_static_path = ["_static"]
html_extra_path = ["extra"]
exclude_patterns = ["extra", "_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
# The theme follows the reader's system.
html_context = {"default_mode": "auto"}
html_copy_source = False
html_show_sourcelink = False
# Excerpts are fetched, which browsers forbid for pages opened from disk.
html_show_search_summary = False
html_theme_options = {
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navigation_with_keys": False,
    "navbar_persistent": [],
}
html_math_renderer = "mathml"

myst_enable_extensions = ["colon_fence", "dollarmath", "attrs_block"]
myst_heading_anchors = 4
# The notebooks were run before; widgets have been replaced by exported pages.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
# Pygments does not know nested CSS.
suppress_warnings = ["misc.highlighting_failure"]

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
# Signatures have the types.
napoleon_attr_annotations = False
