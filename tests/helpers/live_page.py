"""A player in a page whose kernel is the test's process: the player's operations answer the page."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Page

from staa_widgets.widget.handlers import OPERATIONS
from staa_widgets.widget.player import Player
from staa_widgets.widget.protocol import error_message
from tests.helpers.paths import STATIC

# A host as anywidget is one. While `host.holding`, answers wait for `host.release()`.
HOST = """async ([code, traits]) => {
  const { default: widget } = await import('data:text/javascript;base64,' + code);
  const values = {}, listeners = new Map(), gone = new Set();
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  for (const [name, value] of Object.entries(traits)) {
    values[name] = value?.bytes === undefined ? value : bytes(value.bytes);
  }
  const emit = (event, ...rest) => { for (const call of [...(listeners.get(event) ?? [])]) call(...rest); };
  const send = async (message) => {
    host.sent.push(structuredClone(message));
    const { id, op, args } = message;
    if (op === 'cancel') gone.add(id);
    if (op !== 'hello' && op !== 'frames') return;
    host.open.add(id);
    host.most = Math.max(host.most, [...host.open].filter((one) => !gone.has(one)).length);
    const [answer, data] = op === 'hello'
      ? [{ ok: true, result: { kernel: true, computes: true, why: '' } }, []] : await window.askKernel(args);
    if (host.holding) await new Promise((done) => host.waiting.push(done));
    host.open.delete(id);
    emit('msg:custom', { v: 2, id, ...answer }, data.map(bytes));
  };
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; emit('change:' + name); },
    save_changes() {},
    send,
    on: (event, call) => listeners.set(event, [...(listeners.get(event) ?? []), call]),
    off: (event, call) => listeners.set(event, (listeners.get(event) ?? []).filter((other) => other !== call)),
    widget_manager: { kernel: { status: 'idle', statusChanged: { connect() {}, disconnect() {} } } },
  };
  const release = () => { host.holding = false; for (const done of host.waiting.splice(0)) done(); };
  window.host = { model, emit, release, sent: [], waiting: [], open: new Set(), most: 0, holding: false };
  const el = document.body.appendChild(document.createElement('div'));
  await widget.render({ model, el, signal: new AbortController().signal });
}"""

# Seeks to frames one after the other. In every display frame, the number in the picture must be the canvas's frame, and
# a preview must be labeled as one.
SEEK = """async ([frames, bits]) => {
  const root = document.querySelector('.staa-root'), canvas = root.querySelector('canvas[data-frame]');
  const slider = root.querySelector('.staa-seek'), note = canvas.parentElement.querySelector('.staa-preview');
  const { width, height } = canvas, context = canvas.getContext('2d');
  const report = { wrong: [], stood: 0, first: [], whole: [] };
  const code = () => Array.from({ length: bits }, (_, bit) =>
    context.getImageData(Math.floor((bit + 0.5) * width / bits), height / 6, 1, 1).data[1] > 127 ? 2 ** bit : 0,
  ).reduce((sum, bit) => sum + bit);
  root.dispatchEvent(new KeyboardEvent('keydown', { key: 'o', bubbles: true }));
  for (const frame of frames) {
    const began = performance.now(), before = canvas.dataset.frame;
    let drawn = 0;
    host.model.set('frame', frame);
    for (;;) {
      await new Promise(requestAnimationFrame);
      const shown = Number(canvas.dataset.frame);
      if (code() !== shown) report.wrong.push([frame, shown, code()]);
      if (canvas.dataset.frame !== before || shown === frame) drawn ||= performance.now() - began;
      if (shown === frame) break;
      const labeled = !note.hidden && note.textContent === `loading; this is frame ${shown}`;
      if (drawn && !labeled) report.wrong.push([frame, 'no label']);
      report.stood += drawn > 0;
      if (performance.now() - began > 60000) return { ...report, wrong: [...report.wrong, [frame, 'never came']] };
    }
    const sliderFrame = Number(slider.getAttribute('aria-valuenow'));
    if (!note.hidden || sliderFrame !== frame) report.wrong.push([frame, 'wrong slider']);
    report.first.push(drawn);
    report.whole.push(performance.now() - began);
  }
  root.dispatchEvent(new KeyboardEvent('keyup', { key: 'o', bubbles: true }));
  return report;
}"""


def open_live(page: Page, player: Player) -> list[int]:
    """Show a player in an empty page and return the sizes of the answers in bytes, a list that grows."""
    sizes: list[int] = []

    def answer_request(args: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        try:
            operation = OPERATIONS["frames"](player, args)
            result, buffers = operation.finish(operation.compute(lambda *_: None))
        except Exception as error:
            return {"ok": False, "error": error_message("", error)["error"]}, []
        sizes.append(sum(map(len, buffers)))
        return {"ok": True, "result": dict(result)}, [base64.b64encode(buffer).decode() for buffer in buffers]

    state = {name: value for name, value in player.get_state().items() if name not in ("_esm", "_css", "layout")}
    traits = {
        name: {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in state.items()
        if isinstance(value, bytes | str | int | float | list | tuple | dict | None)
    }
    style = (STATIC / "widget.css").read_text("utf-8")
    page.expose_function("askKernel", answer_request)
    page.set_content(f"<!doctype html><html lang=en><title>x</title><style>{style}</style>")
    page.evaluate(HOST, [base64.b64encode((STATIC / "widget.js").read_bytes()).decode(), traits])
    page.wait_for_selector("canvas[data-frame]")
    return sizes
