// The handle between two pictures in the wipe view, and the names of both.

import type { Signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import type { Session } from "../session/session.js";
import { h, icon, onDrag } from "./dom.js";
import { differenceName } from "./screen.js";

/**
 * The line between two pictures that lie over one another, `share` percent from the left, and their names; in the
 * difference view the name of the difference.
 */
export function wipeHandle(session: Session, share: Signal<number>): HTMLElement {
  const { until } = session;
  const { all: panes, active } = session.panes;
  const { pairNames, mode } = session.view;
  const label = () => h("span", { class: "staa-corner" });
  const [before, after] = [label(), label()];
  const range = h("input", {
    class: "staa-hidden",
    type: "range",
    step: 5,
    "aria-label": "Position of the dividing line",
    input: () => {
      share.value = range.valueAsNumber;
    },
  });
  const grip = h("label", { class: "staa-grip" }, icon("wipe"), range);
  const element = h("div", { class: "staa-wiper" }, before, after, grip);
  onDrag(element, (at) => {
    share.value = Math.round(100 * at);
  });
  watch(until, () => {
    const wipe = mode.value === "wipe";
    element.hidden = !wipe && mode.value !== "difference";
    grip.hidden = after.hidden = !wipe;
    const sides = panes.length > 1 ? pairNames.value.map(readable) : ["frame", active.value.meta.value.method_title];
    before.textContent = wipe ? sides[0] : differenceName(session);
    after.textContent = sides[1];
    range.value = `${share.value}`;
    range.setAttribute("aria-valuetext", `${sides[0]} left of ${share.value} %, ${sides[1]} right of it`);
  });
  return element;
}
