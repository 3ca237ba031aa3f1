// The list of keys.

import { dialog, h } from "./dom.js";
import { SHORTCUTS } from "./keys.js";

/** A dialog with the list of keys. */
export function keyHelp(): HTMLDialogElement {
  const lines = Object.values(SHORTCUTS).flatMap(({ keys, description }) => {
    const names = keys.split("|").flatMap((key, i) => [i ? " " : "", h("kbd", {}, key)]);
    return [h("dt", {}, ...names), h("dd", {}, description)];
  });
  return dialog("Keyboard shortcuts", h("dl", { class: "staa-keys" }, ...lines));
}
