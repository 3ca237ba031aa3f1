"""Film the player in use for the README: `python -m docs.player_gif` writes docs/player.gif.

Needs Chromium. The clip is synthetic, the one of `make demo`; the page is the one that `to_html` writes.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

import staa_widgets as staa
from staa_widgets.export.palette import PatternDither, choose_palette
from tests.helpers.chromium import launch_args

SIZE = (1000, 676)
"""Width and height of the film in pixels."""

TOLERANCE = 5
"""Change of a channel, in 255ths, up to which a pixel counts as the same as before: noise of the clip's compression."""

STEP = 80
"""Milliseconds between frames of the film while something moves."""

CURSOR = """() => {
  const cursor = document.createElement('div');
  cursor.innerHTML = '<svg width="22" height="26"><path d="M2 1v19l5-4 3.4 8 3.4-1.5-3.4-7.8H17z" fill="#111" ' +
    'stroke="#fff" stroke-width="1.5"/></svg>';
  cursor.style.cssText = 'position:fixed;z-index:99;pointer-events:none;left:0;top:0';
  document.body.append(cursor);
  addEventListener('pointermove', ({ clientX, clientY }) => {
    cursor.style.translate = `${clientX - 2}px ${clientY - 1}px`;
  }, true);
}"""

SETTLE = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Film:
    """Screenshots of a page and the milliseconds that each is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pointer = (SIZE[0] * 0.6, SIZE[1] * 0.66)
        self.shots: list[Image.Image] = []
        self.durations: list[int] = []

    def pixels_of(self, selector: str) -> tuple[slice, slice]:
        """Return the rows and columns of the film that an element covers."""
        box = self.page.locator(selector).first.bounding_box()
        assert box is not None
        top, left = round(box["y"]), round(box["x"])
        return slice(top, top + round(box["height"])), slice(left, left + round(box["width"]))

    def shoot(self, milliseconds: int = STEP) -> None:
        """Take a screenshot that is shown for some milliseconds."""
        self.page.evaluate(SETTLE)
        png = self.page.screenshot(clip={"x": 0, "y": 0, "width": SIZE[0], "height": SIZE[1]})
        self.shots.append(Image.open(io.BytesIO(png)).convert("RGB"))
        self.durations.append(milliseconds)

    def press(self, key: str, times: int, step: int = STEP) -> None:
        """Press a key some times, with a screenshot after each."""
        for _ in range(times):
            self.page.keyboard.press(key)
            self.shoot(step)

    def move(self, x: float, y: float, shots: int = 5) -> None:
        """Move the pointer to a place on the page, slower at the beginning and at the end."""
        start_x, start_y = self.pointer
        for i in range(1, shots + 1):
            share = (1 - np.cos(np.pi * i / shots)) / 2
            self.page.mouse.move(start_x + share * (x - start_x), start_y + share * (y - start_y))
            self.shoot()
        self.pointer = (x, y)

    def point_at(self, target: Locator, across: float = 0.5, down: float = 0.5) -> None:
        """Move the pointer to a place on an element, given in shares of its size."""
        box = target.bounding_box()
        assert box is not None
        self.move(box["x"] + across * box["width"], box["y"] + down * box["height"])

    def click(self, milliseconds: int) -> None:
        """Click where the pointer is, and show the result for some milliseconds."""
        self.page.mouse.down()
        self.page.mouse.up()
        self.shoot(milliseconds)

    def drag_to(self, target: Locator, places: Iterable[float], down: float = 0.5) -> None:
        """Drag over an element from place to place, given in shares of its width."""
        box = target.bounding_box()
        assert box is not None
        self.page.mouse.down()
        for place in places:
            self.pointer = (box["x"] + place * box["width"], box["y"] + down * box["height"])
            self.page.mouse.move(*self.pointer)
            self.shoot()
        self.page.mouse.up()


def film_player(page: Page) -> Film:
    """Play a clip, read a patch, choose a slice, drag through time, and hide weak cells."""
    film = Film(page)
    page.mouse.move(*film.pointer)
    film.shoot(1500)
    # Playback, frame by frame, so that the film does not depend on the speed of the machine.
    page.locator(".staa-root").press("Home")
    film.shoot()
    for _ in range(31):
        page.keyboard.press("ArrowRight")
        film.press("ArrowRight", 1)
    film.shoot(500)
    film.point_at(page.locator(".staa-slice").nth(2), 0.45, 0.5)
    film.click(700)
    film.point_at(page.locator("canvas[data-frame]").last, 0.69, 0.31)
    film.shoot(1200)
    slider = page.locator(".staa-seek")
    film.point_at(slider, 0.31)
    film.drag_to(slider, np.linspace(0.31, 0.84, 20))
    film.shoot(400)
    film.point_at(page.get_by_role("button", name="auto", exact=True))
    film.click(1500)
    film.point_at(page.get_by_role("button", name="Reset", exact=True))
    film.click(900)
    return film


def write_gif(film: Film, path: Path) -> None:
    """Write the film with one palette; each frame of the file holds only the pixels that change."""
    images = [np.asarray(shot) for shot in film.shots]
    colors = choose_palette((image[::2, ::2] for image in images[::8]), 254)
    palette, transparent, dither = Image.new("P", (1, 1)), len(colors), PatternDither(colors)
    palette.putpalette(colors.tobytes())
    # Text stays sharp without a pattern.
    gradients = [film.pixels_of(selector) for selector in (".staa-stage", ".staa-gradient")]
    shown = np.full((SIZE[1], SIZE[0], 3), -255)
    frames = []
    for image in images:
        indices = np.array(Image.fromarray(image).quantize(palette=palette, dither=Image.Dither.NONE))
        for part in gradients:
            indices[part] = dither.reduce(image)[part]
        changes = np.abs(image - shown).max(axis=2) > TOLERANCE
        shown[changes] = image[changes]
        frames.append(Image.fromarray(np.where(changes, indices, np.uint8(transparent)), "P"))
        frames[-1].putpalette(colors.tobytes())
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1:],
        duration=film.durations,
        loop=0,
        disposal=1,
        transparency=transparent,
        optimize=False,
    )


def main() -> None:
    """Film the player and write the GIF."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/player.gif"))
    options = parser.parse_args()
    explanation = staa.explain(staa.action_clip(seed=3), progress=False)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = explanation.to_html(Path(folder) / "page.html", view="side")
        with playwright.chromium.launch(**launch_args() or {}) as browser:
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1] + 400})
            page.goto(path.as_uri())
            page.wait_for_selector("canvas[data-frame]")
            page.evaluate(CURSOR)
            film = film_player(page)
            write_gif(film, options.out)
    seconds = sum(film.durations) / 1000
    print(f"{options.out}: {len(film.shots)} frames, {seconds:.1f} s, {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
