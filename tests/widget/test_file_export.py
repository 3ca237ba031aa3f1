"""Export from a player: files that pages request, and pictures in notebooks."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

import staa_widgets as staa
from staa_widgets.errors import ExportError, ParameterError
from staa_widgets.explanation.explanation import Explanation, Preview
from staa_widgets.explanation.exports import EXPORT_FORMATS
from staa_widgets.export.image import render_image, snapshot
from staa_widgets.render.compositor import draw_frame
from staa_widgets.render.style import HeatStyle
from staa_widgets.widget import file_export
from staa_widgets.widget.display import static_fallback
from staa_widgets.widget.settings import SettingError
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation, read_frame_index
from tests.helpers.comm import Pages, replace_comms
from tests.helpers.html_page import PageReader
from tests.helpers.kernel import Kernel
from tests.helpers.paths import JS_SOURCE, ROOT


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    return replace_comms(monkeypatch)


def request_export(player: staa.Player, **args: Any) -> tuple[dict[str, Any], bytes]:
    """Name, type and content of a file that a page requests."""
    operation = player.operation("export", args)
    result, (content,) = operation.finish(operation.compute(lambda *_: None))
    return dict(result), content


def decode_movie(movie: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(movie), "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_gif_has_the_style_of_the_page_and_its_selected_seconds(bars: Explanation):
    player = staa.Player(bars)
    settings = {"layer": 1, "head": 0, "opacity": 0.4, "colormap": "viridis", "selection": [2.5, 3.0], "theme": "dark"}
    result, gif = request_export(player, format="gif", settings=settings)
    assert result == {"name": "bars_staa.gif", "type": "image/gif"}
    expected = HeatStyle(layer=1, head=0, opacity=0.4, colormap="viridis")
    assert gif == EXPORT_FORMATS["gif"].to_bytes(bars, expected, start=2.5, end=3.0, progress=False)
    assert gif != EXPORT_FORMATS["gif"].to_bytes(bars, start=2.5, end=3.0, progress=False)


def test_a_movie_shows_the_selected_frames(bars: Explanation):
    _, whole = request_export(staa.Player(bars), format="mp4")
    assert [read_frame_index(frame) for frame in decode_movie(whole)] == [*range(FIRST, LAST + 1)]
    _, part = request_export(staa.Player(bars), format="mp4", settings={"selection": [2.5, 3.0]})
    inside = (bars.times >= 2.5) & (bars.times < 3.0)
    assert [read_frame_index(frame) for frame in decode_movie(part)] == (FIRST + np.flatnonzero(inside)).tolist()


def test_a_movie_shows_the_frames_of_the_video_if_available(video: Path, folder: Path, monkeypatch: pytest.MonkeyPatch):
    e = replace(staa.explain(video, progress=False), preview=None)
    settings = {"selection": [1, 2], "opacity": 0}

    def draws_plain_background(**options: Any) -> bool:
        """Whether the movie shows the plain background of explanations without frames."""
        pictures = decode_movie(request_export(staa.Player(e, **options), format="mp4", settings=settings)[1])
        assert len(pictures) == 8
        return all(picture[:100].std(axis=(0, 1)).max() < 3 for picture in pictures)

    assert draws_plain_background()
    assert not draws_plain_background(video=video)
    monkeypatch.setattr(file_export, "MAX_PIXELS", 8 * e.frame_size[0] * e.frame_size[1] - 1)
    assert draws_plain_background(video=video)


def test_a_page_opens_with_the_view_and_all_panes(bars: Explanation):
    other = replace(bars, method="other/<b>", maps=bars.maps[::-1])
    player = staa.Player([bars, other], pane=1)
    settings = {"view": "wipe", "pane": 1, "frame": 110, "opacity": 0.5}
    result, content = request_export(player, format="html", settings=settings, pane=1)
    assert result == {"name": "bars_other_b_.html", "type": "text/html"}
    page = PageReader(content.decode())
    assert json.loads(page.texts_of("script", **{"data-staa": "state"})[0]) == settings
    others = json.loads(page.texts_of("script", **{"data-staa": "others"})[0])
    assert [meta["method"] for meta in others] == ["other/<b>"]


def test_a_pane_without_the_layer_shows_its_joint_map(bars: Explanation):
    without = replace(bars, attention=None)
    player = staa.Player([bars, without])
    settings = {"layer": 2, "selection": [2.0, 2.2]}
    joint = EXPORT_FORMATS["gif"].to_bytes(bars, start=2.0, end=2.2, progress=False)
    assert request_export(player, format="gif", settings=settings, pane=1)[1] == joint
    assert request_export(player, format="gif", settings=settings, pane=0)[1] != joint


def test_impossible_exports_are_refused_with_a_hint(bars: Explanation, monkeypatch: pytest.MonkeyPatch):
    player = staa.Player(bars)
    with pytest.raises(ParameterError, match=r"no export format 'avi'.*html, mp4, gif"):
        player.operation("export", {"format": "avi"})
    with pytest.raises(SettingError, match="layer is 7"):
        player.operation("export", {"format": "gif", "settings": {"layer": 7}})
    monkeypatch.setattr(file_export, "MAX_FILE_BYTES", 1000)
    with pytest.raises(ExportError, match="too large to save") as caught:
        request_export(player, format="gif")
    assert "explanation.export('clip.gif')" in caught.value.hint


def test_the_export_dialog_offers_the_formats_of_the_table():
    source = (JS_SOURCE / "ui" / "export_dialog.ts").read_text("utf-8")
    assert "Object.entries(KERNEL_FORMATS)" in source
    generated = (JS_SOURCE / "core" / "generated.ts").read_text("utf-8")
    table = re.search(r"KERNEL_FORMATS = \{\n(.*?)\} as const;", generated, re.DOTALL)
    assert table
    assert {*re.findall(r"^  (\w+): ", table[1], re.MULTILINE)} == {*file_export.KERNEL_FORMATS}
    page_formats = {*EXPORT_FORMATS} - {*file_export.KERNEL_FORMATS}
    assert {*re.findall(r'"([A-Z]+): ', source)} == {name.upper() for name in page_formats}


def test_progress_is_reported_and_can_cancel(bars: Explanation):
    operation = staa.Player(bars).operation("export", {"format": "mp4"})
    reports: list[Any] = []

    def report(*step: Any) -> None:
        reports.append(step)
        if len(reports) == 5:
            raise KeyError

    with pytest.raises(KeyError):
        operation.compute(report)
    assert reports[-1][2] == len(bars.times)


# --- pictures ---


def test_a_snapshot_shows_the_active_pane(bars: Explanation, tmp_path: Path):
    other = replace(bars, method="other", maps=bars.maps[::-1])
    player = staa.Player([bars, other], frame=110, opacity=0.5, layer=1)
    assert player.snapshot().png == snapshot(bars, 110, HeatStyle(opacity=0.5, layer=1)).png
    player.pane, player.layer = 1, -1
    picture = player.snapshot(tmp_path / "now.png")
    assert (tmp_path / "now.png").read_bytes() == picture.png == snapshot(other, 110, HeatStyle(opacity=0.5)).png
    assert Image.open(io.BytesIO(picture.png)).size[0] >= 320


def test_a_pane_of_another_clip_is_drawn_at_the_same_second(bars: Explanation):
    shift = 0.5
    later = replace(
        bars,
        clip_sha256="ef" * 32,
        times=bars.times + shift,
        spans=bars.spans + shift,
        end=bars.end + shift,
        preview=None,
    )
    player = staa.Player([bars, later], pane=1, frame=LAST)
    at = int(np.searchsorted(later.times, bars.times[-1], side="right")) - 1
    assert player.snapshot().png == snapshot(later, FIRST + at).png


def test_render_image_draws_all_panes(bars: Explanation):
    other = replace(bars, method="other", maps=bars.maps[::-1])
    style = HeatStyle(colormap="viridis")
    assert staa.Player(bars, colormap="viridis").render_image(images=3).png == render_image(bars, style, images=3).png
    both = staa.Player([bars, other], colormap="viridis").render_image()
    assert both.png == render_image(staa.Comparison.of(bars, other), style).png


NOTEBOOK = """
import sys; sys.path.insert(0, {root!r})
import staa_widgets as staa
from tests.helpers.barcodes import barcode_explanation
player = staa.Player(barcode_explanation(), frame=110)
player.snapshot()
"""


def test_a_saved_notebook_holds_the_picture(tmp_path: Path):
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(NOTEBOOK.format(root=str(ROOT)))]
    NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = book.cells[0].outputs
    assert output.output_type == "execute_result"
    assert base64.b64decode(output.data["image/png"]) == snapshot(barcode_explanation(), 110).png
    assert "Frame 110" in output.data["text/plain"]


def test_a_saved_notebook_shows_a_player_as_a_frame_and_text(bars: Explanation):
    fallback = static_fallback(staa.Player(bars, frame=110, opacity=1.0))
    page = PageReader(fallback["text/html"])
    ((_, has),) = [one for one in page.elements if one[0] == "img"]
    picture = Image.open(io.BytesIO(base64.b64decode(str(has["src"]).removeprefix("data:image/jpeg;base64,"))))
    expected = draw_frame(bars, 110, HeatStyle(opacity=1.0))
    assert np.abs(np.asarray(picture, float) - expected).mean() < 4
    assert len(fallback["text/html"]) < 60_000
    assert [tag for tag, _ in page.elements] == ["div", "p", "img"]
    assert fallback["text/plain"] in fallback["text/html"]


def test_the_fallback_of_a_broken_preview_is_text_only(bars: Explanation):
    broken = Preview(np.array([FIRST]), bars.times[:1], np.array([0, 4]), np.zeros(4, np.uint8), 320, 180)
    fallback = static_fallback(staa.Player(replace(bars, preview=broken)))
    assert "img" not in fallback["text/html"]
    assert fallback["text/plain"] in fallback["text/html"]


def test_the_fallback_of_a_noisy_frame_is_small(bars: Explanation):
    noise = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=95)
    packed = np.frombuffer(file.getvalue(), np.uint8)
    e = replace(bars, preview=Preview(np.array([FIRST]), bars.times[:1], np.array([0, len(packed)]), packed, 640, 360))
    assert len(packed) > 150_000
    assert len(static_fallback(staa.Player(e))["text/html"]) < 60_000


# --- with a kernel ---


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    yield kernel
    kernel.stop()


def test_a_kernel_answers_with_files(kernel: Kernel, bars: Explanation):
    kernel.run("import staa_widgets as staa; from tests.helpers.barcodes import barcode_explanation")
    (result_message,) = [
        m for m in kernel.run("p = staa.Player(barcode_explanation()); p.model_id") if m["msg_type"] == "execute_result"
    ]
    comm = result_message["content"]["data"]["text/plain"].strip("'")
    settings = {"selection": [2.5, 3.0], "opacity": 0.5}
    for name in file_export.KERNEL_FORMATS:
        arguments = {"format": name, "settings": settings, "pane": 0}
        kernel.send(comm, {"v": 2, "id": name, "op": "export", "args": arguments})
        answer = kernel.wait_for_answer(name)
        assert answer["ok"], answer
        assert answer["result"]["name"] == f"bars_staa.{name}"
        (message,) = [m for m in kernel.messages if m["content"].get("data", {}).get("content") == answer]
        (content,) = message["buffers"]
        _, expected = request_export(staa.Player(bars), format=name, settings=settings)
        if name == "mp4":
            assert [read_frame_index(frame) for frame in decode_movie(bytes(content))] == [
                read_frame_index(f) for f in decode_movie(expected)
            ]
        else:
            assert bytes(content) == expected
    kernel.send(
        comm, {"v": 2, "id": "no", "op": "export", "args": {"format": "gif", "settings": {"selection": [9, 9]}}}
    )
    answer = kernel.wait_for_answer("no")
    assert (answer["ok"], answer["error"]["type"]) == (False, "SettingError")
