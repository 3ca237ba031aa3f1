import type { Session } from "../session.js";
import { h } from "./dom.js";
import { KEYS } from "./keys.js";

/** The list of keys, over everything; Escape closes it. */
export function help({ host }: Session): HTMLDialogElement {
  const table = h("dl", { class: "staa-keys" });
  for (const { keys, does, kernel } of KEYS) {
    if (kernel && host.kernel.state.peek() === "none") continue;
    const names = keys.flatMap((key, i) => [i > 0 ? " " : "", h("kbd", {}, key)]);
    table.append(h("dt", {}, ...names), h("dd", {}, does));
  }
  const dialog = h("dialog", { class: "staa-help", "aria-label": "Keys" });
  const close = h(
    "button",
    { class: "staa-button staa-small staa-end", type: "button", click: () => dialog.close() },
    "Close",
  );
  dialog.append(h("div", { class: "staa-row" }, h("h3", { class: "staa-title" }, "Keys"), close), table);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}
