"""Movies read back: every frame in order, at its time, with its sound; no file is left by a failure."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
import pytest
from PIL import Image

from staa_widgets import Explanation, open_clip
from staa_widgets.errors import CancelledError, ExportError, ParameterError, VideoNotFoundError
from staa_widgets.explanation.exports import EXPORT_FORMATS
from staa_widgets.export.gif import to_gif
from staa_widgets.export.movie import to_video
from staa_widgets.render.canvas import Canvas
from staa_widgets.render.compositor import draw_frame
from staa_widgets.render.frames import RenderedFrames
from staa_widgets.render.style import HeatStyle
from tests.helpers.barcodes import FIRST, barcode_explanation, barcode_preview, read_frame_index
from tests.helpers.video_files import read_barcode, write_audio, write_video

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

WITHOUT_CHART: dict[str, Any] = {"chart": False, "progress": False}


def explain_by_hand(path: Path, **changes: Any) -> Explanation:
    """Return an explanation of a video with made-up maps."""
    clip = open_clip(path)
    spans = np.linspace(clip.times[0], clip.end, 7)
    parts = {
        "times": clip.times,
        "end": clip.end,
        "first_frame": clip.first_frame,
        "spans": np.stack([spans[:-1], spans[1:]], axis=1),
        "sampled_frames": np.searchsorted(clip.times, (spans[:-1] + spans[1:]) / 2)[:, None],
        "frame_size": (clip.width, clip.height),
        "box": (0, clip.height / 2, clip.width, clip.height),
        "clip_sha256": clip.sha256,
        "clip_name": clip.name,
        "preview": None,
    }
    return barcode_explanation(**{**parts, **changes})


def test_frames_come_back_in_order_at_their_times(tmp_path: Path):
    """The explanation's frames lie 20 and 60 ms apart."""
    e = barcode_explanation()
    path = e.to_video(tmp_path / "movie.mp4", **WITHOUT_CHART)
    assert path == tmp_path / "movie.mp4"
    clip = open_clip(path)
    assert (clip.width, clip.height) == (320, 180)
    np.testing.assert_allclose(clip.times, e.times - e.times[0], atol=1e-4)
    assert clip.end == pytest.approx(e.end - e.times[0], abs=1e-4)
    frames = clip.frames(np.arange(len(clip)))
    assert [read_frame_index(frame) for frame in frames] == list(range(FIRST, FIRST + 48))
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")


def test_colors_are_those_drawn(tmp_path: Path):
    e = barcode_explanation()
    style = HeatStyle(interpolation="nearest", opacity=1)
    clip = open_clip(to_video(e, tmp_path / "movie.mp4", style, **WITHOUT_CHART))
    for i in (0, 21, 47):
        drawn = draw_frame(e, FIRST + i, style)
        assert np.abs(clip.frames([i])[0].astype(int) - drawn).mean() < 4


def test_a_thinned_preview_keeps_its_speed(tmp_path: Path):
    full = barcode_explanation()
    indices = np.arange(FIRST, FIRST + 48, 9)
    e = barcode_explanation(preview=barcode_preview(indices, full.times[::9], 320, 180))
    clip = open_clip(e.to_video(tmp_path / "movie.mp4", **WITHOUT_CHART))
    np.testing.assert_allclose(clip.times, full.times[::9] - full.times[0], atol=1e-4)
    assert clip.end == pytest.approx(full.end - full.times[0], abs=1e-4)
    slow = open_clip(e.to_video(tmp_path / "slow.mp4", speed=0.5, **WITHOUT_CHART))
    np.testing.assert_allclose(slow.times, 2 * clip.times, atol=1e-4)


def test_a_range_can_be_exported(tmp_path: Path):
    e = barcode_explanation()
    clip = open_clip(e.to_video(tmp_path / "movie.mp4", start=2.5, end=3.2, **WITHOUT_CHART))
    inside = np.flatnonzero((e.times >= 2.5) & (e.times < 3.2))
    assert [read_frame_index(f) for f in clip.frames(np.arange(len(clip)))] == (FIRST + inside).tolist()
    assert clip.end == pytest.approx(3.2 - e.times[inside[0]], abs=1e-4)
    with pytest.raises(ParameterError, match=r"between start=9 and end=None s"):
        e.to_video(tmp_path / "none.mp4", start=9, progress=False)


@pytest.mark.parametrize("size", [(160, 120), (161, 121)])
def test_the_video_itself_is_shown_at_full_size(tmp_path: Path, size: tuple[int, int]):
    source = tmp_path / "source.mkv"
    times = np.cumsum(np.tile([0.04, 0.02, 0.1], 20))
    write_video(source, 60, times=times.tolist(), size=size, pix_fmt="yuv444p")
    clip = open_clip(explain_by_hand(source).to_video(tmp_path / "movie.mp4", video=source, **WITHOUT_CHART))
    assert (clip.width, clip.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    np.testing.assert_allclose(clip.times, times - times[0], atol=2e-3)
    assert [read_barcode(frame) for frame in clip.frames(np.arange(60))] == list(range(60))


def test_another_video_is_refused(tmp_path: Path):
    write_video(tmp_path / "a.mp4", 30)
    write_video(tmp_path / "b.mp4", 31)
    e = explain_by_hand(tmp_path / "a.mp4")
    with pytest.raises(ParameterError, match=r"'b\.mp4' is not the video") as caught:
        e.to_video(tmp_path / "movie.mp4", video=tmp_path / "b.mp4", progress=False)
    assert "'a.mp4'" in caught.value.hint
    with pytest.raises(ParameterError, match="not the video"):
        e.to_video(tmp_path / "movie.mp4", video=open_clip(tmp_path / "a.mp4", 0.5), progress=False)
    assert not (tmp_path / "movie.mp4").exists()


# --- sound ---


def write_video_with_sound(path: Path, codec: str, seconds: float = 2.4) -> Path:
    """Write barcode frames at 25 a second with a click of sound at every half second."""
    rate = 48_000
    picture = path.with_name("silent.mp4")
    write_video(picture, round(25 * seconds))
    wave = np.zeros((1, int(seconds * rate)), np.float32)
    for click in np.arange(0.5, seconds, 0.5):
        at = int(click * rate)
        wave[0, at : at + 960] = 0.8 * np.sin(np.arange(960) / 6)
    with av.open(str(picture)) as silent, av.open(str(path), "w") as out:
        video_stream = silent.streams.video[0]
        copy = out.add_stream_from_template(video_stream)
        sound = cast("AudioStream", out.add_stream(codec, rate=rate, layout="mono"))
        for packet in silent.demux(video_stream):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
        for start in range(0, wave.shape[1], 1024):
            part = np.ascontiguousarray(wave[:, start : start + 1024])
            if codec == "pcm_s16le":
                part = (part * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(part, format="s16" if codec == "pcm_s16le" else "fltp", layout="mono")
            frame.rate, frame.pts = rate, start
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    return path


def find_clicks(path: Path) -> list[float]:
    """Return the seconds at which sound begins."""
    with av.open(str(path)) as file:
        chunks = [(f.time or 0.0, np.abs(f.to_ndarray().astype(float)).max(axis=0)) for f in file.decode(audio=0)]
    times = np.concatenate([start + np.arange(len(wave)) / 48_000 for start, wave in chunks])
    loud = times[np.concatenate([wave for _, wave in chunks]) > 0.2 * max(wave.max() for _, wave in chunks)]
    return loud[np.diff(loud, prepend=-1) > 0.2].tolist()


@pytest.mark.parametrize(("codec", "suffix", "saved_codec"), [("aac", ".mp4", "aac"), ("pcm_s16le", ".mkv", "aac")])
def test_sound_stays_in_time(tmp_path: Path, codec: str, suffix: str, saved_codec: str):
    source = write_video_with_sound(tmp_path / f"loud{suffix}", codec)
    e = explain_by_hand(source)
    whole = e.to_video(tmp_path / "whole.mp4", audio=source, video=source, **WITHOUT_CHART)
    with av.open(str(whole)) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["h264", saved_codec]
        assert float(file.duration or 0) / 1e6 == pytest.approx(e.end, abs=0.06)
    np.testing.assert_allclose(find_clicks(whole), [0.5, 1, 1.5, 2], atol=0.03)
    part = e.to_video(tmp_path / "part.mp4", audio=source, start=0.72, end=1.8, video=source, **WITHOUT_CHART)
    np.testing.assert_allclose(find_clicks(part), [0.28, 0.78], atol=0.03)


def test_missing_sound_is_an_error(tmp_path: Path):
    silent = tmp_path / "silent.mp4"
    write_video(silent, 30)
    e, target = explain_by_hand(silent), tmp_path / "movie.mp4"
    with pytest.raises(ExportError, match="has no audio track"):
        e.to_video(target, audio=silent, progress=False)
    with pytest.raises(VideoNotFoundError, match="gone"):
        e.to_video(target, audio=tmp_path / "gone.mp4", progress=False)
    write_audio(tmp_path / "sound.mp4")
    with pytest.raises(ParameterError, match="speed=1"):
        e.to_video(target, audio=silent, speed=2)
    assert not target.exists()


# --- both ---


def test_the_chart_lies_under_the_picture_and_its_playhead_moves(tmp_path: Path):
    e = barcode_explanation()
    clip = open_clip(e.to_video(tmp_path / "movie.mp4", progress=False))
    assert clip.width == 320
    assert 260 < clip.height < 320
    frames = clip.frames(np.arange(48))
    assert [read_frame_index(frame[:180]) for frame in frames] == list(range(FIRST, FIRST + 48))
    # The playhead is the only red in the chart.
    below = frames[:, 180:240].astype(int)
    red = (below[..., 0] > 150) & (below[..., 1] < 110) & (below[..., 2] < 110)
    heads = np.array([np.flatnonzero(frame.any(axis=0)).mean() for frame in red])
    share = (e.times - e.spans[0, 0]) / (e.spans[-1, 1] - e.spans[0, 0])
    slope, start = np.polyfit(share, heads, 1)
    assert slope > 200
    np.testing.assert_allclose(heads, start + slope * share, atol=1.5)


@pytest.mark.parametrize("make", [to_video, to_gif])
def test_progress_is_reported_and_cancelling_leaves_no_file(tmp_path: Path, make: Any):
    e, target = barcode_explanation(), tmp_path / f"movie.{'mp4' if make is to_video else 'gif'}"
    target.write_bytes(b"old")
    steps: list[tuple[str, int, int]] = []

    def stop(step: str, done: int, total: int) -> None:
        steps.append((step, done, total))
        if done == 5:
            raise CancelledError("Enough.")

    with pytest.raises(CancelledError):
        make(e, target, chart=False, progress=stop)
    assert [done for _, done, _ in steps] == list(range(6))
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(("make", "suffix"), [(to_video, ".mp4"), (to_gif, ".gif")])
def test_wrong_paths_and_numbers_are_refused(tmp_path: Path, make: Any, suffix: str):
    e = barcode_explanation()
    for name in (f"missing/movie{suffix}", "movie.avi", "movie"):
        with pytest.raises(ExportError) as caught:
            make(e, tmp_path / name, progress=False)
        assert caught.value.hint
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(ExportError, match="cannot be written"):
        make(e, tmp_path / f"folder{suffix}", progress=False)
    for speed in (0, -1, True, float("nan"), "1"):
        with pytest.raises(ParameterError, match="speed"):
            make(e, tmp_path / f"movie{suffix}", speed=speed)
    with pytest.raises(ParameterError, match="start is '1'"):
        make(e, tmp_path / f"movie{suffix}", start="1")
    assert [path.name for path in tmp_path.iterdir()] == [f"folder{suffix}"]


def test_bytes_are_those_of_the_file(tmp_path: Path):
    e = barcode_explanation()
    options: dict[str, Any] = {"chart": False, "progress": False, "end": 2.4}
    assert EXPORT_FORMATS["gif"].to_bytes(e, **options) == e.to_gif(tmp_path / "a.gif", **options).read_bytes()
    assert open_clip(EXPORT_FORMATS["mp4"].to_bytes(e, **options)).times.tolist() == pytest.approx(
        open_clip(e.to_video(tmp_path / "a.mp4", **options)).times.tolist()
    )


def test_memory_does_not_grow_with_slices():
    e = barcode_explanation()
    frames = RenderedFrames(e, HeatStyle())

    def count_canvases() -> int:
        return sum(type(one) is Canvas for one in gc.get_objects())

    gc.collect()
    before = count_canvases()
    max_count = max(count_canvases() for _ in frames)
    assert len(e.spans) == 6
    assert max_count - before < 4


@pytest.mark.parametrize(("max_side", "tall"), [(60, 60), (200, 200 + 102)])
def test_narrow_pictures_have_no_chart(tmp_path: Path, max_side: int, tall: int):
    path = barcode_explanation(portrait=True).to_gif(tmp_path / "a.gif", max_side=max_side, end=2.2)
    with Image.open(path) as gif:
        assert gif.height == tall
