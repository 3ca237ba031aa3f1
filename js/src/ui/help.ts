// The list of keys.

import { dialog, h } from "./dom.js";
import { KEYS } from "./keys.js";

/** The list of keys, over everything. */
export function keyHelp(): HTMLDialogElement {
  const lines = KEYS.flatMap(([keys, does]) => {
    const names = keys.split("|").flatMap((key, i) => [i ? " " : "", h("kbd", {}, key)]);
    return [h("dt", {}, ...names), h("dd", {}, does)];
  });
  return dialog("Keys", h("dl", { class: "staa-keys" }, ...lines));
}
