"""The result of `explain`: a frozen `Explanation`, a `Comparison` of several explanations, and the export formats.

Begin with `explanation`. `exports` is the table of all export formats; `staa_widgets.export` writes the files.
"""
