"""From attribution to pixels with numpy and Pillow: heat maps, single frames, summary images, frames of movies."""
