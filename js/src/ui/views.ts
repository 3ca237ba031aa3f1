// Buttons that choose the view: overlay, side by side, wipe, difference, grid.

import { watch } from "../core/reactive.js";
import type { Arrangement } from "../core/settings.js";
import type { Session } from "../session/session.js";
import { h } from "./dom.js";
import { tooltip } from "./keys.js";
import { differenceName } from "./screen.js";

type ViewTexts = { [view in Arrangement]: readonly [name: string, title: string] };

const SEVERAL: ViewTexts = {
  grid: ["all", "All panes"],
  overlay: ["one", "The active pane alone"],
  side: ["side by side", "The frame and its heat map side by side"],
  wipe: ["wipe", "Two panes, one on each side of a line"],
  difference: ["difference", "The active pane minus the next one"],
};

const SINGLE: ViewTexts = {
  ...SEVERAL,
  overlay: ["overlay", "The heat map over the frame"],
  wipe: ["wipe", "The frame on one side of a line, its heat map on the other"],
};

/** A button for each view that is possible with this number of panes. */
export function views(session: Session): HTMLElement {
  const { state, until } = session;
  const { all: panes, difference } = session.panes;
  const { mode } = session.view;
  const texts = panes.length > 1 ? SEVERAL : SINGLE;
  const buttons = session.view.modes.map((view) => {
    const click = () => {
      state.view.value = view;
    };
    const [name, title] = texts[view];
    const button = h("button", { type: "button", class: "staa-option", click, title: tooltip(title, "view") }, name);
    watch(until, () => {
      button.setAttribute("aria-pressed", `${mode.value === view}`);
      if (view !== "difference") return;
      button.disabled = !difference.value;
      button.title = difference.value
        ? tooltip(differenceName(session), "view")
        : "The active pane and the next one show different clips";
    });
    return button;
  });
  return h("div", { class: "staa-choice staa-views", role: "group", "aria-label": "View" }, ...buttons);
}
