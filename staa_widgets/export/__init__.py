"""Writers of files, one module for each export format: movie, GIF, image, CSV table, Python code.

Begin with `table`, the shortest. The table of formats and their suffixes is `staa_widgets.explanation.exports`; the
HTML page is written by `staa_widgets.widget.page`.
"""
