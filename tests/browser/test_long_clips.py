"""A long clip in Chromium: every frame can be sought, a stand-in frame is named, and requests are few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import staa_widgets as staa
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.models import VideoModel
from staa_widgets.video.open import open_clip
from staa_widgets.video.preview import make_preview
from staa_widgets.widget.frame_requests import MAX_BYTES, MAX_FRAMES
from tests.helpers.chromium import PATIENCE, frame_slider, read_canvas
from tests.helpers.live_page import SEEK, open_live
from tests.helpers.video_files import BITS, read_barcode, write_video

pytestmark = pytest.mark.browser

COUNT, PREVIEW_COUNT = 500, 20
NOTE = "canvas[data-frame] ~ .staa-preview"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    write_video(path, COUNT, size=(144, 96), gop=50, bframes=2)
    return path


@pytest.fixture(scope="module")
def e(path: Path, model: VideoModel) -> Explanation:
    """An explanation of 20 seconds whose preview has 20 frames."""
    explanation = staa.explain(path, model, window=2, preview=False, cache=False, progress=False)
    return replace(explanation, preview=make_preview(open_clip(path), max_frames=PREVIEW_COUNT))


@pytest.fixture
def player(path: Path, e: Explanation, model: VideoModel) -> staa.Player:
    return staa.Player(e, video=path, model=model, frame=0)


@pytest.fixture(autouse=True)
def quiet(page: Page) -> Iterator[None]:
    complaints: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield
    assert complaints == []


def sent_frame_requests(page: Page) -> list[dict[str, Any]]:
    return page.evaluate("host.sent.filter(({ op }) => op === 'frames').map(({ args }) => args)")


def read_shown_frames(page: Page) -> tuple[int, int]:
    """The frame number of the canvas attribute, and the one in the picture without its heat map."""
    page.keyboard.down("o")
    canvas = page.locator("canvas[data-frame]")
    frames = int(canvas.get_attribute("data-frame") or -1), read_barcode(read_canvas(canvas))
    page.keyboard.up("o")
    return frames


def test_random_seeks_show_no_wrong_frame(page: Page, player: staa.Player) -> None:
    sizes = open_live(page, player)
    frames = np.random.default_rng(0).integers(0, COUNT, 500).tolist()
    report = page.evaluate(SEEK, [frames, BITS])
    assert report["wrong"] == []
    assert report["stood"] > 0
    assert all(args["first"] % MAX_FRAMES == 0 and args["count"] == MAX_FRAMES for args in sent_frame_requests(page))
    # Each run of frames is answered once; requests for runs that were skipped are canceled.
    canceled = page.evaluate("host.sent.filter(({ op }) => op === 'cancel').length")
    assert (
        len({args["first"] for args in sent_frame_requests(page)})
        == len(sent_frame_requests(page)) - canceled
        == -(-COUNT // MAX_FRAMES)
    )
    assert page.evaluate("host.most") == 1
    assert 0 < max(sizes) <= MAX_BYTES


def test_nearest_preview_frame_stands_in_until_the_frame_arrives(
    page: Page, e: Explanation, player: staa.Player
) -> None:
    open_live(page, player)
    assert e.preview is not None
    page.wait_for_function("host.open.size === 0")
    page.evaluate("host.holding = true")
    first_loaded = sent_frame_requests(page)[-1]["first"]
    note, cached = page.locator(NOTE), page.locator(".staa-cached line")
    expect(cached).to_have_count(3)
    target = 301
    assert target > first_loaded + 2 * MAX_FRAMES
    page.locator(".staa-root").focus()
    page.evaluate(f"host.model.set('frame', {target})")
    near = int(e.preview.indices[np.abs(e.preview.indices - target).argmin()])
    page.wait_for_selector(f"canvas[data-frame='{near}']")
    assert read_shown_frames(page) == (near, near)
    expect(note).to_have_text(f"loading; this is frame {near}")
    expect(frame_slider(page)).to_have_attribute("aria-valuenow", str(target))
    # A request that is no longer needed is canceled.
    page.evaluate("host.model.set('frame', 470)")
    page.wait_for_function("host.sent.at(-1).op === 'frames' && host.sent.at(-1).args.first === 448")
    assert page.evaluate("host.sent.at(-2).op") == "cancel"
    page.evaluate("host.release()")
    page.wait_for_selector("canvas[data-frame='470']")
    assert read_shown_frames(page) == (470, 470)
    expect(note).to_be_hidden()
    expect(cached).not_to_have_count(3)


def test_playing_waits_for_frames_that_have_not_arrived(page: Page, player: staa.Player) -> None:
    page.clock.install(time=0)
    open_live(page, player)
    page.clock.pause_at(60_000)
    page.evaluate("host.release(); host.model.set('frame', 200)")
    page.wait_for_selector("canvas[data-frame='200']")
    page.wait_for_function("host.open.size === 0")
    page.evaluate("host.holding = true; host.model.set('loop', false); host.model.set('rate', 4)")
    last = max(args["first"] for args in sent_frame_requests(page)) + MAX_FRAMES - 1
    assert 200 < last < COUNT - MAX_FRAMES
    page.locator(".staa-root").press("k")
    for _ in range(300):
        page.clock.run_for(16)
    # At rate 4 the display skips frames.
    waits = int(frame_slider(page).get_attribute("aria-valuenow") or 0)
    assert waits in (last - 1, last)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_selector(f"canvas[data-frame='{waits}']")
    page.evaluate("host.release()")
    page.wait_for_function("host.open.size === 0")
    page.clock.run_for(200)
    assert int(frame_slider(page).get_attribute("aria-valuenow") or 0) > last


def test_without_the_kernel_the_preview_frames_remain(page: Page, e: Explanation, player: staa.Player) -> None:
    open_live(page, player)
    page.evaluate("host.model.set('frame', 250)")
    page.wait_for_selector("canvas[data-frame='250']")
    page.evaluate("host.emit('destroy')")
    assert e.preview is not None
    near = int(e.preview.indices[np.abs(e.preview.indices - 250).argmin()])
    page.wait_for_selector(f"canvas[data-frame='{near}']")
    expect(page.get_by_text(f"This player contains {PREVIEW_COUNT} of {COUNT} frames")).to_be_visible()
    page.locator(".staa-root").press("End")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(f"canvas[data-frame='{e.preview.indices[-2]}']")
    assert read_shown_frames(page) == (e.preview.indices[-2],) * 2
    expect(page.locator(NOTE)).to_be_hidden()


def test_missing_video_is_reported_and_not_requested_again(
    page: Page, path: Path, player: staa.Player, tmp_path: Path
) -> None:
    moved = path.rename(tmp_path / "away.mp4")
    try:
        open_live(page, player)
        expect(page.locator(".staa-toast", has_text="'long.mp4' no longer exists.")).to_be_visible()
        page.wait_for_function("host.open.size === 0")
        before = len(sent_frame_requests(page))
        page.locator(".staa-root").press("ArrowRight")
        page.wait_for_selector(f"{NOTE}:not([hidden])")
        assert read_shown_frames(page) == (0, 0)
        assert len(sent_frame_requests(page)) == before
    finally:
        moved.rename(path)


def test_a_page_says_how_many_frames_travel_with_it(page: Page, e: Explanation, tmp_path: Path) -> None:
    page.goto(e.to_html(tmp_path / "page.html").as_uri())
    expect(page.get_by_text(f"This page contains {PREVIEW_COUNT} of {COUNT} frames")).to_be_visible()
    page.locator(".staa-root").press("Home")
    page.keyboard.press("ArrowRight")
    assert e.preview is not None
    page.wait_for_selector(f"canvas[data-frame='{e.preview.indices[1]}']")
    assert read_shown_frames(page) == (e.preview.indices[1],) * 2
