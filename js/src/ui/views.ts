// Buttons that choose the view: overlay, side by side, wipe, difference, grid.

import { watch } from "../core/reactive.js";
import type { Session } from "../session/session.js";
import { h } from "./dom.js";
import { differenceName } from "./screen.js";

/** Ways to arrange the panes; those that make sense for as many as there are. */
export function views(session: Session): HTMLElement {
  const { state, until } = session;
  const { all: panes, difference } = session.panes;
  const { mode } = session.view;
  const [one, side] = panes.length > 1 ? ["one", "side"] : ["overlay", "side by side"];
  const names = { grid: "all", overlay: one, side, wipe: "wipe", difference: "A − B" };
  const buttons = session.view.modes.map((way) => {
    const click = () => {
      state.view.value = way;
    };
    const button = h("button", { type: "button", class: "staa-option", click }, names[way]);
    watch(until, () => {
      button.setAttribute("aria-pressed", `${mode.value === way}`);
      if (way !== "difference") return;
      button.disabled = !difference.value;
      button.title = difference.value ? `${differenceName(session)} (V)` : "A and B are of two clips";
    });
    return button;
  });
  return h("div", { class: "staa-choice staa-views", role: "group", title: "View (V)" }, ...buttons);
}
