// The header: clip, class, method and model, the state of the kernel, and buttons.

import { computed } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import { targetName } from "../host/payload.js";
import { describePatch } from "../session/patch.js";
import type { Session } from "../session/session.js";
import { h, iconButton } from "./dom.js";
import { guide } from "./guide.js";
import { type PlayerActions, tooltip } from "./keys.js";

/** The clip, the current explanation, the state of the kernel, and buttons. */
export function header(session: Session, playerActions: PlayerActions): HTMLElement {
  const { host, until } = session;
  const { layout } = session.panes;
  const { meta } = session.view;
  const { kernel, computation } = host;
  const summary = h("p", { class: "staa-summary", "aria-live": "polite" });
  const description = h("p", { class: "staa-quiet staa-description" });
  watch(until, () => {
    const { target, values, method_title: method, model, own_maps: own } = meta.value;
    const kind = values ? "value" : "class";
    const patchText = describePatch(meta.value);
    const name = readable(targetName(meta.value));
    const subject = h("b", {}, patchText || (own ? method : name));
    // The class of another tool's maps is told only if it is not their name.
    const facts = [own ? !method.endsWith(name) && `${kind} ${name}` : !patchText && `method ${method}`, model];
    description.replaceChildren(
      patchText || own || target < 0 ? "" : `${kind} `,
      subject,
      ...facts.filter(Boolean).map((fact) => ` · ${fact}`),
    );
    description.title = description.textContent!;
  });
  // An equal sentence is not set again, because screen readers would read it again.
  const sentence = computed(() => meta.value.summary);
  watch(until, () => {
    summary.textContent = sentence.value;
  });
  // Empty if the kernel is ready, or if there never was one.
  const chip = h("span", { class: "staa-chip", role: "status" });
  const status = computed(() => {
    const { value } = kernel.state;
    if (value === "gone") return "kernel stopped";
    if (computation.running.value) return "computing";
    if (computation.failed.value) return "failed";
    return value === "busy" ? "kernel busy" : "";
  });
  watch(until, () => {
    chip.textContent = status.value;
    chip.title = kernel.reason.value;
  });
  return h(
    "header",
    { class: "staa-head" },
    h("h2", { class: "staa-clip" }, layout.clip.name || "Clip"),
    iconButton("take", tooltip("Save / share", "export"), playerActions.openExport),
    iconButton("expand", tooltip("Full screen", "fullScreen"), playerActions.fullScreen),
    iconButton("help", tooltip("Keyboard shortcuts", "help"), playerActions.help),
    h("div", { class: "staa-line" }, summary),
    h("div", { class: "staa-line staa-about" }, description, guide(session), chip),
  );
}
