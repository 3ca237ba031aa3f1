"""The player on a notebook's model in an empty page; the test takes the place of the kernel."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.panes import pack_panes
from staa_widgets.widget.payload import pack

# A host like anywidget; the test takes the place of the kernel.
HOST = """async ([code, traits, views]) => {
  const { default: widget } = await import('data:text/javascript;base64,' + code);
  const values = {}, listeners = new Map();
  const emit = (event, ...rest) => { for (const call of [...(listeners.get(event) ?? [])]) call(...rest); };
  const put = (traits) => {
    for (const [name, value] of Object.entries(traits)) {
      const bytes = typeof value === 'string' && Uint8Array.from('\\0\\0\\0' + atob(value), (c) => c.charCodeAt(0));
      values[name] = bytes ? new DataView(bytes.buffer, 3) : value;
    }
    for (const name of Object.keys(traits)) emit('change:' + name);
  };
  put(traits);
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; emit('change:' + name); },
    save_changes: () => {},
    send: (content) => host.sent.push(structuredClone(content)),
    on: (event, call) => listeners.set(event, [...(listeners.get(event) ?? []), call]),
    off: (event, call) => listeners.set(event, (listeners.get(event) ?? []).filter((other) => other !== call)),
    widget_manager: { kernel: { status: 'idle', statusChanged: { connect() {}, disconnect() {} } } },
  };
  const ended = new AbortController();
  window.host = { sent: [], values, listeners, emit, put, close: () => ended.abort() };
  for (let view = 0; view < views; view++) {
    const el = document.body.appendChild(document.createElement('div'));
    await widget.render({ model, el, signal: ended.signal });
  }
}"""


class PageKernel:
    """The kernel of a player in a page, played by the test."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def sent_requests(self, op: str) -> list[dict[str, Any]]:
        """Return the requests of an operation that the page has sent."""
        return self.page.evaluate("op => host.sent.filter(message => message.op === op)", op)

    def answer(self, op: str, **rest: Any) -> None:
        """Answer the latest request of an operation, once there is one."""
        self.page.wait_for_function("op => host.sent.some(message => message.op === op)", arg=op)
        self.page.evaluate(
            "message => host.emit('msg:custom', message)", {"v": 2, "id": self.sent_requests(op)[-1]["id"], **rest}
        )

    def show(self, e: Explanation) -> None:
        """Put an explanation into the traits."""
        self.page.evaluate("traits => host.put(traits)", payload_traits(e))

    def show_panes(self, panes: Sequence[Explanation]) -> None:
        """Put several explanations into the traits, all at once."""
        traits = {
            f"_{name}": base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in pack_panes(panes).items()
        }
        self.page.evaluate("traits => host.put(traits)", traits)

    def disconnect(self) -> None:
        """Disconnect as JupyterLab does: mark the view, then emit the event."""
        self.page.evaluate("""() => {
          document.body.lastElementChild.className = 'jupyter-widgets-disconnected';
          host.emit('comm_live_update');
        }""")

    def fail(self, **changes: str) -> None:
        """Answer the latest computation with an error."""
        error = {"type": "ModelError", "message": "No <b>such</b> layer.", "hint": "Choose another.", "traceback": ""}
        self.answer("compute", ok=False, error={**error, **changes})


def payload_traits(e: Explanation, **changes: Any) -> dict[str, Any]:
    """Return the payload traits of an explanation, bytes in base64."""
    meta, buffers = pack(e)
    return {"_meta": {**meta, **changes}, **{f"_{n}": base64.b64encode(b).decode() for n, b in buffers.items()}}
