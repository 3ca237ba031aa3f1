import { names } from "../names.js";
import type { Session } from "../session.js";
import { type View, watch } from "../state.js";
import { h } from "./dom.js";

/** Ways to arrange the panes; those that make sense for as many as there are. */
export function views({ panes, active, next, difference, view, state, until }: Session): HTMLElement {
  const ways: [View, text: string, about: string][] =
    panes.length > 1
      ? [
          ["grid", "all", "All panes"],
          ["overlay", "one", "The active pane"],
          ["side", "side", "The active pane beside its frame"],
          ["wipe", "wipe", "The active pane and the next, with a line to drag between them"],
          ["difference", "A − B", ""],
        ]
      : [
          ["overlay", "overlay", "The heat over the frame"],
          ["side", "side by side", "The heat beside the frame"],
          ["wipe", "wipe", "The frame and the heat, with a line to drag between them"],
        ];
  const group = h("div", { class: "staa-choice staa-views", role: "group", "aria-label": "View" });
  for (const [way, text, about] of ways) {
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
          ? `${one} − ${other}: the active pane less the next, each of its clip’s maximum (V)`
          : `${one} and ${other} are of two clips: nothing to subtract`;
      });
    group.append(button);
  }
  return group;
}
