import { patchWords } from "../asked.js";
import type { Session } from "../session.js";
import { computed } from "../signals.js";
import { watch } from "../state.js";
import { h, icon } from "./dom.js";
import type { Acts } from "./keys.js";

/** The clip, what is shown of it, and how the kernel is. */
export function head(session: Session, acts: Acts): HTMLElement {
  const { meta, film, until } = session;
  const about = h("p", { class: "staa-quiet staa-trim" });
  watch(until, () => {
    const { labels, target, method, model } = meta.value;
    const words = patchWords(meta.value);
    about.replaceChildren(h("b", {}, words || labels[target]), ` · ${words ? "" : `${method} · `}${model}`);
    about.title = about.textContent ?? "";
  });
  const act = (name: "help" | "take" | "expand", label: string, click: () => void) =>
    h("button", { class: "staa-button", type: "button", title: label, "aria-label": label, click }, icon(name));
  return h(
    "header",
    { class: "staa-head" },
    h("h2", { class: "staa-clip" }, film.clip.name || "Clip"),
    act("take", "Take away (E)", acts.takeAway),
    act("expand", "Full screen (F)", acts.fullScreen),
    act("help", "Keys (?)", acts.help),
    h("div", { class: "staa-line" }, about, chip(session)),
  );
}

/** The kernel in two words; no words where it is ready or there never was one. */
function chip({ host: { kernel, work }, until }: Session): HTMLElement {
  const element = h("span", { class: "staa-chip", role: "status" });
  const kind = computed(() => {
    if (kernel.state.value === "gone") return "kernel gone";
    if (work.running.value) return "computing";
    if (work.failed.value) return "not computed";
    return kernel.state.value === "busy" ? "kernel busy" : "";
  });
  watch(until, () => {
    element.textContent = kind.value;
    element.dataset.kind = kind.value;
  });
  watch(until, () => {
    element.title = kernel.why.value;
  });
  return element;
}
