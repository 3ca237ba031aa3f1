"""The result: the frozen `Explanation`, the `Comparison` of several, and the table of export formats."""
