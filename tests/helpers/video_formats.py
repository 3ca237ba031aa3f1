"""Video formats to test readers with, and which reader decodes each."""

from __future__ import annotations

from typing import Any

import numpy as np

COUNT = 60
UNEVEN = np.cumsum([0.0] + [0.02 + 0.03 * (i % 4) for i in range(COUNT - 1)]).round(3)
VP9 = {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}}
MJPEG = {"codec": "mjpeg", "pix_fmt": "yuvj420p"}
HEVC = {"codec": "libx265", "bframes": 3, "gop": 12}

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "b_frames.mp4": ("decord", {"bframes": 3}),
    "b_frames.mkv": ("decord", {"bframes": 3}),
    "short_groups.mp4": ("decord", {"bframes": 2, "gop": 10}),
    "hevc.mp4": ("decord", {**HEVC, "options": {"x265-params": "log-level=none:open-gop=0"}}),
    "vp8.webm": ("decord", {"codec": "libvpx", "gop": 20, "options": {"cpu-used": "8", "deadline": "realtime"}}),
    "vp9.webm": ("decord", {**VP9, "gop": 20}),
    "mjpeg.avi": ("pyav", MJPEG),
    "mjpeg.mp4": ("decord", MJPEG),
    "uneven.mp4": ("decord", {"times": UNEVEN, "bframes": 2, "gop": 20}),
    "uneven.mkv": ("decord", {"times": UNEVEN, "bframes": 2, "gop": 20}),
    "turned_90.mp4": ("pyav", {"rotation": 90}),
    "turned_180.mp4": ("pyav", {"rotation": 180}),
    "turned_270.mp4": ("pyav", {"rotation": 270}),
    "late.mp4": ("decord", {"start": 1.0, "bframes": 2}),
    "late.mkv": ("decord", {"start": 1.0, "bframes": 2}),
    "late.webm": ("decord", {**VP9, "start": 1.0}),
    "odd_width.webm": ("decord", {**VP9, "size": (161, 120)}),
    "odd_full_color.mkv": ("decord", {"size": (161, 121), "pix_fmt": "yuv444p"}),
    "odd_height.webm": ("pyav", {**VP9, "size": (161, 121)}),
    "open_groups.mp4": ("pyav", {"bframes": 3, "options": {"x264-params": "open-gop=1:keyint=12"}}),
    "open_groups_hevc.mp4": ("pyav", {**HEVC, "options": {"x265-params": "log-level=none"}}),
    "gradual_refresh.mp4": ("pyav", {"options": {"x264-params": "intra-refresh=1:keyint=12"}}),
    "ten_bits.mp4": ("pyav", {"pix_fmt": "yuv420p10le"}),
    "b_frames.avi": ("pyav", {"bframes": 3}),
    "mpeg4.avi": ("pyav", {"codec": "mpeg4", "bframes": 2, "gop": 12}),
    "broadcast.ts": ("pyav", {"bframes": 2, "gop": 12}),
    "interlaced.mp4": ("pyav", {"options": {"x264-params": "interlaced=1"}}),
    "turned_90.mkv": ("pyav", {"rotation": 90}),
    "turned_180.mkv": ("pyav", {"rotation": 180, "bframes": 2}),
    "turned_270.webm": ("pyav", {**VP9, "rotation": 270}),
    "mirrored_90.mkv": ("pyav", {"mirrored": True, "rotation": 90}),
    "mirrored.mp4": ("pyav", {"mirrored": True}),
    "mirrored_90.mp4": ("pyav", {"mirrored": True, "rotation": 90}),
    "picture.gif": ("pyav", {"codec": "gif", "pix_fmt": "rgb8", "fps": 20}),
}
DECORD_FORMATS = [name for name, (reader, _) in FORMATS.items() if reader == "decord"]
