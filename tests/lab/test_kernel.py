"""The player and its kernel in JupyterLab: busy, computing, failing, restarted, gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.helpers.barcodes import FIRST, LAST, barcode_explanation
from tests.helpers.jupyterlab import LOAD, Lab, Notebook
from tests.helpers.lab_view import wait_for_frame

pytestmark = [pytest.mark.browser, pytest.mark.lab]

PRINT_FRAME = "print(json.dumps(p.frame))"
SHOW = 'p = staa.Player(staa.Explanation.load("bars.safetensors"))\np'


@pytest.fixture(autouse=True)
def files(lab: Lab) -> None:
    barcode_explanation().save(lab.books / "bars.safetensors")
    for name in ("go", "mended"):
        (lab.books / name).unlink(missing_ok=True)


def kernel_chip(root: Locator) -> Locator:
    """The state of the kernel in the player's header."""
    return root.locator(".staa-chip")


@pytest.mark.parametrize("before", ["", f"p.frame = {FIRST}; time.sleep(0.1)\n"], ids=["apart", "after a set"])
def test_busy_kernel_is_shown_and_does_not_stop_scrubbing(
    notebook: Callable[..., Notebook], lab: Lab, before: str
) -> None:
    # A thread answers the player while a cell runs, but not after that cell has set a trait of the player.
    book = notebook(LOAD, SHOW, f"{before}wait_for('go')", "print(json.dumps([p.frame, p.opacity]))")
    book.run(0)
    root = book.run_player(1)
    expect(kernel_chip(root)).to_have_text("")
    book.start(2)
    expect(kernel_chip(root)).to_have_text("kernel busy")
    root.press("End")
    wait_for_frame(root, LAST)
    root.press("ArrowLeft")
    wait_for_frame(root, LAST - 1)
    root.press("+")
    expect(book.cells.nth(2).locator(".jp-InputPrompt")).to_have_text("[*]:")
    (lab.books / "go").touch()
    book.wait_for_end(2)
    expect(kernel_chip(root)).to_have_text("")
    assert book.run_json(3) == [LAST - 1, 0.8]


COMPUTE = """
from staa_widgets.methods import METHODS, method
import numpy as np
calls = []

@method("slow", needs=METHODS["staa"].needs(), class_specific=False)
def slow(record):
    "Waits for a file."
    calls.append("slow")
    wait_for("go")
    return METHODS["staa"](record, profile=None)

@method("broken", needs=METHODS["staa"].needs(), class_specific=False)
def broken(record):
    "Fails until a file is there."
    if not pathlib.Path("mended").exists():
        raise RuntimeError("no <b>luck</b>")
    return METHODS["staa"](record, profile=None)

clip = staa.action_clip(3, fps=8)
e = staa.explain(clip, window=1, batch_size=1)
assert len(e.window_logits) > 2, len(e.window_logits)
p = staa.Player(e)
p
"""
PRINT_STATE = "print(json.dumps([p.method, p.target, p.explanation.method, p.explanation.target, calls]))"


def test_another_method_and_class_are_computed(notebook: Callable[..., Notebook], lab: Lab) -> None:
    book = notebook(LOAD, COMPUTE, PRINT_STATE, "p.compute('staa_logit', target='wave')", "wait_for('go')")
    book.run(0)
    root = book.run_player(1)
    method, line = root.get_by_role("combobox", name="Method", exact=True), root.locator(".staa-about")
    bars = root.locator(".staa-slice rect")

    def heights() -> list[str]:
        return bars.evaluate_all("bars => bars.map((bar) => bar.getAttribute('height'))")

    first, frame = heights(), root.locator("canvas[data-frame]").get_attribute("data-frame")
    name, target, _, _, _ = book.run_json(2)
    assert name == "staa"
    rows = root.get_by_role("listbox", name="Classes").get_by_role("option")
    # A class-agnostic method says so and offers a class-specific one.
    expect(root.get_by_text("The same map for every class")).to_be_visible()
    other = rows.nth(1).locator("span").first.inner_text()
    rows.nth(1).click()
    expect(root.get_by_text("is the same for every class")).to_be_visible()
    root.get_by_role("button", name="Explain", exact=True).click()
    expect(line).to_contain_text(f"{other} · method Class-specific STAA")
    assert heights() != first
    assert root.locator("canvas[data-frame]").get_attribute("data-frame") == frame
    state = book.run_json(2)
    assert state == ["staa_logit", state[1], "staa_logit", state[1], []]
    assert state[1] != target
    # Choose another class while a cell runs.
    third = rows.nth(2).locator("span").first.inner_text()
    book.start(4)
    expect(kernel_chip(root)).to_have_text("kernel busy")
    rows.nth(2).click()
    (lab.books / "go").touch()
    expect(line).to_contain_text(f"{third} · method Class-specific STAA")
    # Compute from Python, with the class by name.
    book.run(3)
    expect(line).to_contain_text("wave · method Class-specific STAA")
    # Back to the first method, from the cache.
    method.select_option("staa")
    expect(line).to_contain_text("· method STAA ·")
    assert heights() == first


def test_computing_can_be_cancelled_and_errors_are_shown_in_place(notebook: Callable[..., Notebook], lab: Lab) -> None:
    book = notebook(LOAD, COMPUTE, PRINT_STATE)
    book.run(0)
    root = book.run_player(1)
    method, line = root.get_by_role("combobox", name="Method", exact=True), root.locator(".staa-about")
    root.press("Home")
    method.select_option("slow")
    expect(kernel_chip(root)).to_have_text("computing")
    expect(root.get_by_text("model · 1 of")).to_be_visible()
    root.press("End")
    last = root.get_by_role("slider", name="Frame").get_attribute("aria-valuemax")
    root.locator(f"canvas[data-frame='{last}']").wait_for()
    root.get_by_role("button", name="Cancel").click()
    expect(kernel_chip(root)).to_have_text("")
    expect(method).to_have_value("staa")
    (lab.books / "go").touch()

    method.select_option("broken")
    alert = root.get_by_role("alert")
    expect(alert).to_contain_text("RuntimeError: no <b>luck</b>")
    expect(alert.locator("pre")).to_be_hidden()
    alert.locator("summary").click()
    expect(alert.locator("pre")).to_contain_text('raise RuntimeError("no <b>luck</b>")')
    expect(method).to_have_value("staa")
    assert book.run_json(2)[0] == "staa"
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_be_empty()
    method.select_option("broken")
    expect(alert).to_contain_text("no <b>luck</b>")
    (lab.books / "mended").touch()
    alert.get_by_role("button", name="Retry").click()
    expect(line).to_contain_text("· method Broken ·")
    expect(alert).to_be_empty()
    # The canceled computation stopped at its next step.
    name, _, shown_method, _, calls = book.run_json(2)
    assert (name, shown_method, calls) == ("broken", "broken", ["slow"])


def test_restarted_kernel_is_shown_and_seeking_still_works(notebook: Callable[..., Notebook]) -> None:
    book = notebook(LOAD, SHOW)
    book.run(0)
    root = book.run_player(1)
    book.restart()
    expect(kernel_chip(root)).to_have_text("kernel stopped")
    expect(root.get_by_text("Run the notebook cell again to compute anything new")).to_be_visible()
    expect(root.get_by_role("combobox", name="Method", exact=True)).to_be_disabled()
    root.press("End")
    wait_for_frame(root, LAST)
    book.run(0)
    root = book.run_player(1)
    expect(root).to_have_count(1)
    expect(kernel_chip(root)).to_have_text("")


def test_reopened_notebook_says_what_to_do(notebook: Callable[..., Notebook], lab: Lab) -> None:
    book = notebook(LOAD, SHOW, PRINT_FRAME)
    book.run(0)
    book.run_player(1).press("Home")
    assert book.run_json(2) == FIRST
    book.save()
    # With a live kernel the reopened notebook shows a working player.
    book.open()
    root = book.cells.nth(1).locator(".staa-root")
    wait_for_frame(root, FIRST)
    expect(kernel_chip(root)).to_have_text("")
    root.press("End")
    wait_for_frame(root, LAST)
    assert book.run_json(2) == LAST
    book.save()
    lab.end_kernels()
    # ipywidgets prints this for a view without a model.
    book.allowed_complaints.append("widget model not found")
    book.open()
    output = book.cells.nth(1).locator(".jp-OutputArea").first
    expect(output.locator(".staa-fallback")).to_be_visible()
    expect(output).to_contain_text("Run this cell again")
    expect(output.locator(".staa-root")).to_have_count(0)
    book.run(0)
    wait_for_frame(book.run_player(1), 122)
    expect(output.locator(".staa-fallback")).to_be_hidden()


def test_reopened_notebook_with_its_widgets_plays_without_a_kernel(notebook: Callable[..., Notebook], lab: Lab) -> None:
    lab.set_preferences("@jupyter-widgets/jupyterlab-manager", "plugin", saveState=True)
    book = notebook(LOAD, SHOW)
    book.run(0)
    book.run_player(1)
    book.save()
    assert lab.read(book.name)["metadata"]["widgets"]
    lab.end_kernels()
    book.open()
    root = book.cells.nth(1).locator(".staa-root")
    expect(kernel_chip(root)).to_have_text("kernel stopped")
    expect(root.get_by_text("Run the notebook cell again to compute anything new")).to_be_visible()
    root.press("End")
    wait_for_frame(root, LAST)
    expect(book.cells.nth(1).locator(".staa-fallback")).to_be_hidden()
