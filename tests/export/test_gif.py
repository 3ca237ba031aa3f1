"""GIFs read back: order, speed, one palette, and the limit of the file size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

import staa_widgets.export.gif
from staa_widgets.render.frames import RenderedFrames
from staa_widgets.render.style import HeatStyle
from tests.helpers.barcodes import FIRST, barcode_explanation, read_frame_index

WITHOUT_CHART: dict[str, Any] = {"chart": False, "progress": False}


def local_palettes(data: bytes) -> tuple[bool, int, int]:
    """Return whether there is a global palette, the number of local palettes and the number of frames."""
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    local = frames = 0
    while data[position] != 0x3B:
        if data[position] == 0x21:
            position += 2
        else:
            flags = data[position + 9]
            frames += 1
            local += flags >> 7
            position += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        while data[position]:
            position += data[position] + 1
        position += 1
    return bool(data[10] & 0x80), local, frames


def test_a_gif_plays_for_ever_in_order_and_at_its_speed(tmp_path: Path):
    """Frames 20 ms and 60 ms after the one before: pairs are 80 ms apart."""
    e = barcode_explanation()
    path = e.to_gif(tmp_path / "movie.gif", **WITHOUT_CHART)
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as gif:
        assert gif.info["loop"] == 0
        codes, durations = [], []
        for i in range(getattr(gif, "n_frames", 1)):
            gif.seek(i)
            codes.append(read_frame_index(np.asarray(gif.convert("RGB"))))
            durations.append(gif.info["duration"])
    frames = np.array(codes) - FIRST
    assert frames[0] == 0
    assert (np.diff(frames) > 0).all()
    assert len(frames) == 24
    np.testing.assert_allclose(np.cumsum([0, *durations[:-1]]) / 1000, e.times[frames] - e.times[0], atol=0.0051)
    assert sum(durations) / 1000 == pytest.approx(e.end - e.times[0], abs=0.0051)
    assert local_palettes(data) == (True, 0, 24)


def test_a_gif_of_a_still_moment_keeps_its_time(tmp_path: Path):
    """Equal frames may become one, which is then shown for longer."""
    e = barcode_explanation(preview=None, maps=np.ones((6, 5, 7), np.float32))
    with Image.open(e.to_gif(tmp_path / "movie.gif", **WITHOUT_CHART)) as gif:
        total = 0
        for i in range(getattr(gif, "n_frames", 1)):
            gif.seek(i)
            total += gif.info["duration"]
    assert total / 1000 == pytest.approx(e.end - e.times[0], abs=0.0051)


def test_a_gif_is_made_smaller_where_it_would_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    e = barcode_explanation()
    with Image.open(e.to_gif(tmp_path / "a.gif", max_side=240, **WITHOUT_CHART)) as gif:
        assert gif.size == (240, 135)
    size = (tmp_path / "a.gif").stat().st_size
    monkeypatch.setattr(staa_widgets.export.gif, "GIF_MAX_BYTES", size - 1)
    with Image.open(e.to_gif(tmp_path / "b.gif", max_side=240, **WITHOUT_CHART)) as gif:
        assert gif.size == (180, 101)
    assert (tmp_path / "b.gif").stat().st_size < size


def test_heat_has_no_bands(tmp_path: Path):
    """The mean error of a neighborhood is small, although the palette has few of the colors."""
    e = barcode_explanation()
    heated, plain = (
        dict(zip(frames.frames.tolist(), frames, strict=True))
        for frames in (RenderedFrames(e, HeatStyle(opacity=opacity), chart=False) for opacity in (0.75, 0))
    )
    errors = []
    with Image.open(e.to_gif(tmp_path / "movie.gif", **WITHOUT_CHART)) as gif:
        for i in range(0, getattr(gif, "n_frames", 1), 3):
            gif.seek(i)
            drawn = gif.convert("RGB")
            index = read_frame_index(np.asarray(drawn))
            expected = Image.fromarray(heated[index])
            blurred = [np.asarray(image.filter(ImageFilter.BoxBlur(2))).astype(int) for image in (drawn, expected)]
            heat = np.abs(heated[index].astype(int) - plain[index]).max(axis=2) > 40
            errors.extend(np.abs(blurred[0] - blurred[1])[heat].mean(axis=1).tolist())
    assert len(errors) > 1000
    assert np.mean(errors) < 2
