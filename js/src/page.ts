// Entry of `page.js`: opens the player in an exported page, from the payload that widget/page.py wrote into it.

import { LocalModel } from "./host/model.js";
import { mount } from "./ui/player.js";

/** Show the payload that widget/page.py wrote into this page. */
function open(): void {
  const values: Record<string, unknown> = {};
  for (const element of document.querySelectorAll<HTMLScriptElement>("script[data-staa]")) {
    const text = element.textContent ?? "";
    const { staa } = element.dataset;
    // The element `state` has settings by name; the others are named like their traits, without the underscore.
    if (staa === "state") Object.assign(values, JSON.parse(text));
    else values[`_${staa}`] = element.type === "application/json" ? JSON.parse(text) : fromBase64(text);
    // The text takes a third more memory than the bytes and is not needed any more.
    element.remove();
  }
  const root = mount(new LocalModel(values), document.body, new AbortController().signal);
  if (window.top === window) root.focus({ preventScroll: true });
}

function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

open();
