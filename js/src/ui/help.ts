// The list of keys.

import { dialog, h } from "./dom.js";
import { SHORTCUTS } from "./shortcuts.js";

/** A dialog with the list of keys. */
export function keyHelp(): HTMLDialogElement {
  const lines = Object.values(SHORTCUTS).flatMap(([keys, does]) => {
    const names = keys.split("|").flatMap((key, i) => [i ? " " : "", h("kbd", {}, key)]);
    return [h("dt", {}, ...names), h("dd", {}, does)];
  });
  return dialog("Keyboard shortcuts", h("dl", { class: "staa-keys" }, ...lines));
}
