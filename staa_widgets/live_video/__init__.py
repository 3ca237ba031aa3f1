"""Explain a camera or a stream while it runs: `staa_widgets.live`.

Begin with `live.py`, the public interface; `session.py` connects the parts. A frame takes this way, and none of its
stations holds more than one frame that waits:

source (`sources/`) → slot (`slot.py`) → ring of the model's inputs (`ring.py`) → explanation (`explainer.py`) → page or
caller. `statistics.py` counts, `recorder.py` writes clips, `player.py` is the widget.
"""
