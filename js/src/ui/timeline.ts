import type { Session } from "../session.js";
import { watch } from "../state.js";
import { chart } from "./chart.js";
import { h } from "./dom.js";
import { seekbar } from "./seekbar.js";

/** Seek bar and bars over one axis of time, with one playhead through both. */
export function timeline(session: Session): HTMLElement {
  const { clock, time, until } = session;
  const playhead = h("div", { class: "staa-playhead" });
  watch(until, () => {
    playhead.style.left = `${100 * clock.share(time.value)}%`;
  });
  const { header, element } = chart(session);
  element.append(playhead);
  return h("div", { class: "staa-timeline" }, seekbar(session), header, element);
}
