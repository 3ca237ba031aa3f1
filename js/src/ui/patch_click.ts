// A click on a patch asks for its attention; the patch on show is marked.

import { watch } from "../core/reactive.js";
import type { Pane } from "../session/pane.js";
import { patchOf } from "../session/patch.js";
import type { Session } from "../session/session.js";
import { h } from "./dom.js";
import { patchAt, placePatch } from "./patch_position.js";

/** Pixels that a pointer may wander while it is still a click. */
const STILL = 4;

/** Milliseconds in which a second click makes it a double one. */
const DOUBLE = 250;

/** Ask where the attention of a patch goes by a click on it, and mark the patch that is on show. */
export function patchClick(session: Session, pane: Pane, picture: HTMLElement): HTMLElement {
  const { until } = session;
  const { active } = session.panes;
  // Only a click on the active pane asks: one on another chooses that pane, and a drag is no click at all.
  let began: PointerEvent | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => clearTimeout(timer);
  until.addEventListener("abort", stop);
  const press = (event: PointerEvent) => {
    began = pane === active.peek() && !event.button ? event : null;
  };
  picture.addEventListener("pointerdown", press, true);
  picture.addEventListener("click", (event) => {
    stop();
    const still = began && Math.hypot(event.clientX - began.clientX, event.clientY - began.clientY) <= STILL;
    const { patch } = patchAt(pane, picture, event);
    if (still && patch && event.detail === 1)
      timer = setTimeout(session.actions.requestPatch, DOUBLE, pane, [pane.slice.peek(), ...patch]);
  });

  const mark = h("div", { class: "staa-cell staa-asked" });
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
