"""A notebook's model in an empty page: it shows the built widget and records its changes and messages."""

from __future__ import annotations

import base64
from typing import Any

from staa_widgets.explanation.explanation import Explanation
from staa_widgets.widget.payload import pack
from tests.helpers.paths import STATIC

# A host like anywidget: bytes are views into a larger message; it records what the widget sets, saves and sends.
HOST = """async ([code, meta, buffers, traits]) => {
  const { default: widget } = window.widget ?? await import('data:text/javascript;base64,' + code);
  const values = { _meta: meta, ...traits }, listeners = new Map();
  for (const [name, text] of Object.entries(buffers)) {
    const bytes = Uint8Array.from('\\0\\0\\0' + atob(text), (c) => c.charCodeAt(0));
    values['_' + name] = new DataView(bytes.buffer, 3);
  }
  window.host = { saved: 0, sent: [], values, listeners, change(name, value) {
    values[name] = value;
    for (const call of listeners.get('change:' + name) ?? []) call();
  } };
  const model = {
    get: (name) => values[name],
    set: (name, value) => host.change(name, value),
    save_changes: () => { host.saved++; },
    send: (content) => { host.sent.push(content); },
    on: (event, call) => listeners.set(event, [...(listeners.get(event) ?? []), call]),
    off: (event, call) => listeners.set(event, listeners.get(event).filter((other) => other !== call)),
  };
  host.close = await widget.render({ model, el: window.place ?? document.body });
}"""


def host_arguments(explanation: Explanation, **traits: Any) -> list[Any]:
    """Return the arguments of `HOST` for an explanation and traits."""
    meta, buffers = pack(explanation)
    code = base64.b64encode((STATIC / "widget.js").read_bytes()).decode()
    return [code, meta, {name: base64.b64encode(data).decode() for name, data in buffers.items()}, traits]


# Answers each request of the page: `hello` with what the kernel can do, all others with an error.
ANSWER = """() => {
  const answered = new Set();
  window.answering = setInterval(() => {
    for (const { id, op } of host.sent) {
      if (answered.has(id) || op === 'cancel') continue;
      answered.add(id);
      const failure = { type: 'RuntimeError', message: 'No luck.', hint: 'Try again.', traceback: 'line 1' };
      const answer = op === 'hello' ? { ok: true, result: { kernel: true, computes: true, why: '' } }
        : { ok: false, error: failure };
      for (const call of host.listeners.get('msg:custom')) call({ v: 2, id, ...answer }, []);
    }
  }, 20);
}"""
