// The header: clip, class, method and model, the state of the kernel, and buttons.

import { computed } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { describePatch } from "../session/patch.js";
import type { Session } from "../session/session.js";
import { h, iconButton } from "./dom.js";
import type { PlayerActions } from "./keys.js";
import { tooltip } from "./shortcuts.js";

/** The clip, what is shown of it, and how the kernel is. */
export function header(session: Session, acts: PlayerActions): HTMLElement {
  const { host, until } = session;
  const { layout } = session.panes;
  const { meta } = session.view;
  const { kernel, computation } = host;
  const about = h("p", { class: "staa-quiet staa-trim" });
  watch(until, () => {
    const { labels, target, method, model } = meta.value;
    const words = describePatch(meta.value);
    about.replaceChildren(h("b", {}, words || labels[target]), ` · ${words ? "" : `${method} · `}${model}`);
    about.title = about.textContent!;
  });
  // No words where the kernel is ready or there never was one.
  const chip = h("span", { class: "staa-chip", role: "status" });
  const kind = computed(() => {
    const { value } = kernel.state;
    if (value === "gone") return "kernel gone";
    if (computation.running.value) return "computing";
    if (computation.failed.value) return "failed";
    return value === "busy" ? "kernel busy" : "";
  });
  watch(until, () => {
    chip.textContent = kind.value;
    chip.title = kernel.reason.value;
  });
  return h(
    "header",
    { class: "staa-head" },
    h("h2", { class: "staa-clip" }, layout.clip.name || "Clip"),
    iconButton("take", tooltip("Export", "export"), acts.openExport),
    iconButton("expand", tooltip("Full screen", "fullScreen"), acts.fullScreen),
    iconButton("help", tooltip("Keyboard shortcuts", "help"), acts.help),
    h("div", { class: "staa-line" }, about, chip),
  );
}
