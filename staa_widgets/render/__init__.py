"""From maps to pixels, with numpy and Pillow: colors, heat maps over frames, summary images, frames of movies.

Begin with `style`, the display settings and their defaults, such as the opacity. `heat` computes the values to draw,
and `compositor` lays them over a frame.
"""
