"""Export in Chromium: the dialog, the picture, the table, the code, and files made by the kernel."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Download, Page, expect

import staa_widgets as staa
from staa_widgets.explanation.comparison import Comparison
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.export.table import csv_text
from staa_widgets.render.colormaps import COLORMAPS
from staa_widgets.render.style import HeatStyle
from staa_widgets.widget.page import to_html
from tests.helpers.barcodes import FIRST, LAST, barcode_explanation, barcode_preview
from tests.helpers.chromium import open_more, read_canvas, read_picture, save_picture, wait_for_frame
from tests.helpers.page_kernel import PageKernel
from tests.helpers.paths import AXE

pytestmark = pytest.mark.browser


@pytest.fixture
def open_view(page: Page, tmp_path: Path) -> Callable[..., Page]:
    """Open a page of explanations with given settings."""

    def show(*explanations: Explanation, **settings: Any) -> Page:
        page.goto(to_html(explanations, tmp_path / "page.html", **settings).as_uri())
        page.wait_for_selector("canvas[data-frame]")
        return page

    return show


def other(e: Explanation, **changes: Any) -> Explanation:
    return replace(e, **{"method": "other", "maps": e.maps[:, ::-1] + 0.1, **changes})


def download_entry(page: Page, name: str) -> Download:
    """The download that an entry of the export dialog starts."""
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name=name).click()
    return download.value


def is_near(pixel: Any, color: Any, by: float = 6) -> bool:
    return bool(np.abs(np.asarray(pixel, float) - np.asarray(color, float)).max() <= by)


# --- the menu ---


def test_the_export_dialog_works_by_keys_alone(open_page: Callable[[Explanation], Page]) -> None:
    page = open_page(barcode_explanation())
    page.evaluate(AXE.read_text("utf-8"))
    menu, button = page.get_by_role("dialog", name="Save / share"), page.get_by_role("button", name="Save / share (E)")
    button.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    items = menu.get_by_role("button")
    expect(items.filter(has_text="Picture")).to_be_focused()
    # Formats that need a kernel are not listed.
    names = ["Close", "Picture", "Table", "Code"]
    assert [text.split("\n")[0] for text in items.all_inner_texts()] == names
    for name in names:
        expect(items.filter(has_text=name).first).to_be_enabled()
    violations = page.evaluate("async () => (await axe.run()).violations.map(({ id, impact }) => [id, impact])")
    assert [violation for violation in violations if violation[1] in ("serious", "critical")] == []
    # Keys of the player do nothing while the dialog is open.
    frame = page.locator("canvas[data-frame]").get_attribute("data-frame")
    page.keyboard.press("End")
    assert page.locator("canvas[data-frame]").get_attribute("data-frame") == frame
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    page.locator(".staa-root").press("e")
    expect(menu).to_be_visible()
    assert download_entry(page, "Picture").suggested_filename == "bars_frame122_staa.png"
    expect(menu.get_by_role("status")).to_have_text("Saved bars_frame122_staa.png")


# --- the picture ---


@pytest.mark.parametrize(("scheme", "ground"), [("light", (255, 255, 255)), ("dark", (0x17, 0x19, 0x1D))])
@pytest.mark.parametrize("signed", [False, True])
def test_the_picture_has_a_colorbar_with_numbers(
    open_page: Callable[[Explanation], Page], page: Page, scheme: Any, ground: tuple[int, ...], signed: bool
) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(barcode_explanation(signed=signed))
    if not signed:
        open_more(page)
        page.get_by_role("combobox", name="Colormap").select_option("viridis")
    read_picture(page)
    _, image, _, margin, top = save_picture(page, 640, 360)
    assert margin == 14
    assert is_near(image[2, 2], ground, 0)
    assert is_near(image[-3, -3], ground, 0)
    # The colorbar spans the width of the picture, from the first color to the last.
    bar, table = image[top + 360 + 14 + 7, 14:654], COLORMAPS["diverging" if signed else "viridis"]
    for share in np.linspace(0.01, 0.99, 25):
        assert is_near(bar[round(share * 639)], table[round(share * 255)], 8), share
    assert is_near(image[top + 360 + 7, 300], ground, 0)
    # Text: a heading above; below the bar numbers at both ends and in the middle, and what they mean.
    inked = np.abs(image.astype(int) - ground).max(axis=2) > 90
    assert [bool(inked[14 + 20 * line : 34 + 20 * line].any()) for line in range(3)] == [True] * 3
    numbers = inked[top + 360 + 28 : top + 360 + 48]
    assert [bool(numbers[:, x].any()) for x in (range(14, 24), range(320, 350), range(640, 654))] == [True] * 3
    assert not numbers[:, 60:120].any()
    assert inked[-34:-14, 14:200].any()


def test_the_picture_shows_all_panes(open_view: Callable[..., Page]) -> None:
    e = barcode_explanation()
    page = open_view(e, other(e))
    one, two = (read_canvas(canvas) for canvas in page.locator("canvas[data-frame]").all())
    assert (one != two).any()
    saved = save_picture(page, 642, 180, spare=2).shown
    # The panes lie side by side, two pixels apart.
    np.testing.assert_array_equal(saved[:, :320], one)
    np.testing.assert_array_equal(saved[:, -320:], two)


def test_wipe_and_difference_are_saved_as_shown(open_view: Callable[..., Page]) -> None:
    e = barcode_explanation()
    big = {"preview": barcode_preview(np.arange(FIRST, LAST + 1), e.times, 640, 360)}
    page = open_view(replace(e, **big), other(e, **big), view="wipe")
    grip = page.locator(".staa-grip")
    for _ in range(4):
        grip.press("ArrowLeft")
    below, above = (read_canvas(canvas) for canvas in page.locator("canvas[data-frame]").all())
    saved = save_picture(page, 640, 360).shown
    line = round(640 * 0.3)
    np.testing.assert_array_equal(saved[80:, : line - 3], below[80:, : line - 3])
    np.testing.assert_array_equal(saved[80:, line + 3 :], above[80:, line + 3 :])
    assert is_near(saved[200, line], (255, 255, 255))
    page = open_view(replace(e, **big), other(e, **big), view="difference")
    difference = read_canvas(page.locator("canvas[data-frame]"))
    np.testing.assert_array_equal(save_picture(page, 640, 360).shown[80:], difference[80:])


# --- the table and the code ---


def read_csv(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def assert_same_table(table: str, expected: str) -> None:
    """Assert that two CSV tables agree, numbers to 1e-5."""
    rows, expected_rows = read_csv(table), read_csv(expected)
    assert rows[0] == expected_rows[0]
    assert len(rows) == len(expected_rows) > 1
    for row, expected_row in zip(rows[1:], expected_rows[1:], strict=True):
        for cell, expected_cell in zip(row, expected_row, strict=True):
            if re.fullmatch(r"-?\d+\.\d+", expected_cell):
                assert float(cell) == pytest.approx(float(expected_cell), abs=1e-5)
            else:
                assert cell == expected_cell


def test_the_table_equals_to_csv(open_view: Callable[..., Page]) -> None:
    e = barcode_explanation(signed=True)
    joint = barcode_explanation()
    later = replace(
        joint, clip_sha256="ef" * 32, clip_name='a "b",\n.mp4', spans=e.spans, sampled_frames=joint.sampled_frames[::-1]
    )
    cases: list[tuple[list[Explanation], dict[str, Any]]] = [
        ([e], {}),
        ([joint], {"layer": 2, "head": 1, "smooth": 0.7}),
        ([joint, other(joint)], {}),
        ([e, other(joint)], {}),
        ([e, later], {}),
    ]
    for explanations, style in cases:
        page = open_view(*explanations, **style)
        page.keyboard.press("e")
        download = download_entry(page, "Table")
        assert download.suggested_filename == "bars_staa.csv"
        exported = explanations[0] if len(explanations) == 1 else Comparison.of(*explanations)
        assert_same_table(Path(download.path()).read_text("utf-8"), csv_text(exported, HeatStyle(**style)))


def read_code_text(page: Page) -> str:
    page.keyboard.press("e")
    page.get_by_role("dialog").get_by_role("button", name="Code").click()
    return page.get_by_role("textbox", name="Python").input_value()


def test_the_code_reproduces_the_view(
    open_view: Callable[..., Page], page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    e = barcode_explanation()
    explanations = [e, other(e, clip_name='it\'s "my" \\clip.mp4')]
    settings: dict[str, Any] = {
        "frame": 130,
        "layer": 1,
        "head": 0,
        "opacity": 0.35,
        "selection": (2.25, 3.1),
        "view": "wipe",
        "pane": 1,
        "loop": False,
        "time_interpolation": "linear",
    }
    open_view(*explanations, **settings)
    code = read_code_text(page)
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == code
    by_clip_and_method = {(explanation.clip_name, explanation.method): explanation for explanation in explanations}

    def look_up(video: str, model: str, *, method: str, **_: Any) -> Explanation:
        return by_clip_and_method[video, method]

    monkeypatch.setattr(staa, "explain", look_up, raising=False)
    for other_settings in (settings, {}):
        namespace: dict[str, Any] = {}
        exec(code.replace("staa.Player(", "player = staa.Player("), namespace)
        player = namespace["player"]
        assert player.explanations == tuple(explanations)
        assert {name: getattr(player, name) for name in other_settings} == other_settings
        open_view(*explanations)
        code = read_code_text(page)
    assert "view" not in code


def test_code_is_selected_where_the_clipboard_is_unavailable(
    open_page: Callable[[Explanation], Page], page: Page
) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    open_page(barcode_explanation())
    code = read_code_text(page)
    assert code.startswith("import staa_widgets as staa\n\ne = staa.explain(")
    assert page.evaluate("String(getSelection()) || document.activeElement.value") == code
    field = page.get_by_role("textbox", name="Python")
    expect(field).to_be_focused()
    assert field.evaluate("field => [field.selectionStart, field.selectionEnd]") == [0, len(code)]
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("Copying is blocked")


# --- files by the kernel ---


def test_files_come_from_the_kernel(open_player: Callable[..., PageKernel], page: Page) -> None:
    kernel = open_player(barcode_explanation(), views=2)
    page.evaluate("host.put({ selection: [2.5, 3], opacity: 0.5 })")
    other_view, view = page.locator(".staa-root").all()
    view.get_by_role("button", name="Save / share").click()
    menu = page.get_by_role("dialog")
    menu.get_by_role("button", name="Animation").click()
    (request,) = kernel.sent_requests("export")
    settings = request["args"].pop("settings")
    assert request["args"] == {"format": "gif", "pane": 0}
    assert {name: settings[name] for name in ("selection", "opacity")} == {"selection": [2.5, 3], "opacity": 0.5}
    kernel.answer("export", progress={"done": 3, "total": 12, "label": "GIF"})
    expect(menu.get_by_text("Writing GIF")).to_be_visible()
    expect(menu.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    # The other view of the player shows no progress.
    expect(other_view.locator(".staa-chip")).to_have_text("")
    content = base64.b64encode(b"GIF89a").decode()
    with page.expect_download() as download:
        page.evaluate(
            """([id, text]) => {
              const bytes = Uint8Array.from('\\0' + atob(text), (c) => c.charCodeAt(0));
              const message = { v: 2, id, ok: true, result: { name: 'bars_staa.gif', type: 'image/gif' } };
              host.emit('msg:custom', message, [new DataView(bytes.buffer, 1)]);
            }""",
            [request["id"], content],
        )
    assert download.value.suggested_filename == "bars_staa.gif"
    assert Path(download.value.path()).read_bytes() == b"GIF89a"
    expect(menu.get_by_role("status")).to_have_text("Saved bars_staa.gif")

    menu.get_by_role("button", name="Movie").click()
    expect(menu.get_by_text("Writing MP4")).to_be_visible()
    menu.get_by_role("button", name="Cancel").click()
    expect(menu.get_by_text("Writing MP4")).to_be_hidden()
    assert [one["id"] for one in kernel.sent_requests("cancel")] == [kernel.sent_requests("export")[-1]["id"]]

    menu.get_by_role("button", name="Page").click()
    error = {"type": "ExportError", "message": "No <b>room</b>.", "hint": "Make some.", "traceback": ""}
    kernel.answer("export", ok=False, error=error)
    expect(menu.get_by_role("alert")).to_contain_text("No <b>room</b>.")
    expect(menu.get_by_role("alert")).to_contain_text("Make some.")
    menu.get_by_role("button", name="Retry").click()
    assert [one["args"]["format"] for one in kernel.sent_requests("export")] == ["gif", "mp4", "html", "html"]
    expect(menu.get_by_role("alert")).to_be_empty()
    kernel.disconnect()
    for name in ("Movie", "Animation", "Page"):
        expect(menu.get_by_role("button", name=name)).to_be_hidden()


# --- the exported page ---


def test_a_page_opens_with_the_settings_of_its_export(open_view: Callable[..., Page], page: Page) -> None:
    settings = {"frame": 110, "layer": 1, "opacity": 0.25, "view": "side", "theme": "dark", "selection": (2.5, 3.0)}
    open_view(barcode_explanation(), **settings)
    wait_for_frame(page, 110)
    expect(page.get_by_role("slider", name="Opacity")).to_have_value("0.25")
    expect(page.get_by_label("Frame without heat map")).to_be_visible()
    expect(page.locator(".staa-root")).to_have_css("background-color", "rgb(23, 25, 29)")
    expect(page.locator(".staa-band").first).to_be_visible()
