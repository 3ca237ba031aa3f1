// A click on a patch asks for its attention; the current patch is marked.

import { watch } from "../core/reactive.js";
import type { Pane } from "../session/pane.js";
import { patchOf } from "../session/patch.js";
import type { Session } from "../session/session.js";
import { h } from "./dom.js";
import { patchAt, placePatch } from "./patch_position.js";

/** Pixels that the pointer may move during a click. */
const CLICK_DISTANCE = 4;

/** Milliseconds to wait for the second click of a double click. */
const DOUBLE_CLICK_DELAY = 250;

/** Request the attention of a patch when it is clicked; return the mark of the current patch. */
export function patchClick(session: Session, pane: Pane, picture: HTMLElement): HTMLElement {
  const { until } = session;
  const { active } = session.panes;
  // Only a click in the active pane requests a patch; in another pane it activates that pane.
  let pressed: PointerEvent | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => clearTimeout(timer);
  until.addEventListener("abort", stop);
  const press = (event: PointerEvent) => {
    pressed = pane === active.peek() && !event.button ? event : null;
  };
  picture.addEventListener("pointerdown", press, true);
  picture.addEventListener("click", (event) => {
    stop();
    const still =
      pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) <= CLICK_DISTANCE;
    const { patch } = patchAt(pane, picture, event);
    if (still && patch && event.detail === 1)
      timer = setTimeout(session.actions.requestPatch, DOUBLE_CLICK_DELAY, pane, [pane.slice.peek(), ...patch]);
  });

  const mark = h("div", { class: "staa-cell staa-patch-mark" });
  watch(until, () => {
    const payload = pane.payload.value;
    const patch = patchOf(payload.meta);
    mark.hidden = !patch;
    if (!patch) return;
    const [slice, ...cell] = patch;
    placePatch(mark, pane, cell);
    mark.toggleAttribute("data-elsewhen", slice !== pane.slice.value);
  });
  return mark;
}
