import { names } from "../names.js";
import type { Session } from "../session.js";
import { type View, watch } from "../state.js";
import { h } from "./dom.js";

/** How each is called where there is one pane and where there are several; not offered where it has no name. */
const WAYS: readonly [View, alone: string, together: string, about: string][] = [
  ["grid", "", "all", "All panes"],
  ["overlay", "overlay", "one", "Heat over the frame"],
  ["side", "side by side", "side", "Heat beside the frame"],
  ["wipe", "wipe", "wipe", "Two pictures with a line to drag between them"],
  ["difference", "", "A − B", ""],
];

/** Ways to arrange the panes; those that make sense for as many as there are. */
export function views({ panes, active, next, difference, view, state, until }: Session): HTMLElement {
  const group = h("div", { class: "staa-choice staa-views", role: "group", "aria-label": "View" });
  for (const [way, alone, together, about] of WAYS) {
    const text = panes.length > 1 ? together : alone;
    if (!text) continue;
    const set = () => {
      state.view.value = way;
    };
    const button = h("button", { type: "button", class: "staa-option", title: `${about} (V)`, click: set }, text);
    watch(until, () => button.setAttribute("aria-pressed", String(view.value === way)));
    if (way === "difference")
      watch(until, () => {
        const [one, other] = names([active, next].map(({ value }) => value.meta.value));
        button.disabled = !difference.value;
        button.title = difference.value
          ? `${one} − ${other}: the active pane less the next (V)`
          : `${one} and ${other} are of two clips`;
      });
    group.append(button);
  }
  return group;
}
