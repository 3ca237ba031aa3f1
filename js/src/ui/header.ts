// The header: clip, class, method and model, the state of the kernel, and buttons.

import { computed } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { patchWords } from "../session/patch.js";
import type { Session } from "../session/session.js";
import { h, tool } from "./dom.js";
import type { Acts } from "./keys.js";

/** The clip, what is shown of it, and how the kernel is. */
export function head({ meta, film, host, until }: Session, acts: Acts): HTMLElement {
  const { kernel, work } = host;
  const about = h("p", { class: "staa-quiet staa-trim" });
  watch(until, () => {
    const { labels, target, method, model } = meta.value;
    const words = patchWords(meta.value);
    about.replaceChildren(h("b", {}, words || labels[target]), ` · ${words ? "" : `${method} · `}${model}`);
    about.title = about.textContent!;
  });
  // No words where the kernel is ready or there never was one.
  const chip = h("span", { class: "staa-chip", role: "status" });
  const kind = computed(() => {
    const { value } = kernel.state;
    if (value === "gone") return "kernel gone";
    if (work.running.value) return "computing";
    if (work.failed.value) return "not computed";
    return value === "busy" ? "kernel busy" : "";
  });
  watch(until, () => {
    chip.textContent = kind.value;
    chip.title = kernel.why.value;
  });
  return h(
    "header",
    { class: "staa-head" },
    h("h2", { class: "staa-clip" }, film.clip.name || "Clip"),
    tool("take", "Take away (E)", acts.takeAway),
    tool("expand", "Full screen (F)", acts.fullScreen),
    tool("help", "Keys (?)", acts.help),
    h("div", { class: "staa-line" }, about, chip),
  );
}
