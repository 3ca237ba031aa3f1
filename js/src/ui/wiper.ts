import { names } from "../names.js";
import type { Session } from "../session.js";
import type { Signal } from "../signals.js";
import { watch } from "../state.js";
import { h, icon, onDrag } from "./dom.js";

/** How far an arrow key moves the line, in hundredths. */
const STEP = 5;

/** The line between two pictures that lie over one another, `share` hundredths from the left, and their names. */
export function wiper(session: Session, share: Signal<number>): HTMLElement {
  const { panes, active, next, view, until } = session;
  const label = () => h("span", { class: "staa-corner" });
  const [before, after] = [label(), label()];
  const grip = h("div", {
    class: "staa-grip",
    role: "slider",
    tabindex: 0,
    "aria-label": "Line between the pictures",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    keydown: (event: KeyboardEvent) => {
      const by = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, Home: -100, End: 100 }[
        event.key
      ];
      if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      share.value = Math.min(Math.max(share.peek() + by, 0), 100);
      event.preventDefault();
      event.stopPropagation();
    },
  });
  grip.append(icon("wipe"));
  const element = h("div", { class: "staa-wiper" }, before, after, grip);
  onDrag(element, (at) => {
    share.value = Math.round(100 * at);
  });
  watch(until, () => {
    element.hidden = view.value !== "wipe";
    const own = active.value.meta.value;
    const sides = panes.length > 1 ? names([own, next.value.meta.value]) : ["frame", own.method];
    [before.textContent, after.textContent] = sides;
    grip.setAttribute("aria-valuenow", String(share.value));
    grip.setAttribute("aria-valuetext", `${share.value} % ${sides.join(", then ")}`);
  });
  return element;
}
