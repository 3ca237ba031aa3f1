"""500 random seeks in a notebook's player show the right frame and send the kernel no request."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.helpers.barcodes import barcode_explanation, barcode_preview, bit_rectangles
from tests.helpers.chromium import PATIENCE
from tests.helpers.notebook_model import HOST, host_arguments
from tests.helpers.paths import STATIC

pytestmark = pytest.mark.browser

SLICES = 300
# Seeks each frame and reads the number in its barcode once it is drawn.
SEEK = """async ([cells, frames]) => {
  const root = document.querySelector('.staa-root'), canvas = root.querySelector('canvas[data-frame]');
  const context = canvas.getContext('2d');
  const numbers = [];
  for (const frame of frames) {
    host.change('frame', frame);
    while (canvas.dataset.frame !== String(frame)) await new Promise(requestAnimationFrame);
    numbers.push(cells.reduce((sum, [x0, y0, x1, y1], i) =>
      sum + ((context.getImageData((x0 + x1) >> 1, (y0 + y1) >> 1, 1, 1).data[1] > 127 ? 1 : 0) << i), 0));
  }
  return numbers;
}"""
WALK = """async (steps) => {
  const root = document.querySelector('.staa-root'), canvas = root.querySelector('canvas[data-frame]');
  const press = (key) => root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const current = () => root.querySelector('.staa-value').textContent.split(' · ')[0];
  const slices = new Set();
  press('Home');
  for (let step = 0; step < steps; step++) {
    const slider = root.querySelector('.staa-seek');
    while (canvas.dataset.frame !== slider.getAttribute('aria-valuenow')) await new Promise(requestAnimationFrame);
    slices.add(current());
    press('ArrowRight');
  }
  return slices.size;
}"""


def test_random_seeks_in_three_hundred_slices_are_right_and_send_no_requests(page: Page) -> None:
    times, edges = np.arange(SLICES) / 25, np.arange(SLICES + 1) / 25
    sampled = np.arange(SLICES)[:, None]
    e = barcode_explanation(
        maps=np.random.default_rng(1).gamma(0.6, size=(SLICES, 5, 7)).astype(np.float32),
        spans=np.stack([edges[:-1], edges[1:]], axis=1),
        sampled_frames=sampled,
        times=times,
        first_frame=0,
        end=SLICES / 25,
        attention=None,
        preview=barcode_preview(np.arange(SLICES), times, 320, 180),
    )
    page.set_default_timeout(PATIENCE)
    page.set_content(f"<style>{(STATIC / 'widget.css').read_text('utf-8')}</style>")
    page.evaluate(HOST, host_arguments(e, frame=0))
    page.wait_for_selector("canvas[data-frame='0']")
    frames = np.random.default_rng(2).integers(0, SLICES, 500)
    # Drop repeated frames: a seek to the current frame draws nothing to wait for.
    frames = frames[np.diff(frames, prepend=0) != 0]
    shown_frames = page.evaluate(SEEK, [bit_rectangles(320, 180), frames.tolist()])
    assert (np.array(shown_frames) != frames % 256).sum() == 0
    assert page.evaluate(WALK, SLICES) == SLICES
    assert {content["op"] for content in page.evaluate("host.sent")} == {"hello"}
