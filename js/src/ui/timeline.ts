// The seek bar over the chart.

import type { Session } from "../session/session.js";
import { chart } from "./chart.js";
import { h } from "./dom.js";
import { seekbar } from "./seekbar.js";

/** Seek bar over the whole clip, and bars over what is on show of its time. */
export function timeline(session: Session): HTMLElement {
  const { header, element } = chart(session);
  const { host } = session;
  const { timeline, all: panes, layout } = session.panes;
  const page = host.kernel.state.peek() === "none" ? "page" : "player";
  const words = `This ${page} contains ${timeline.count} of ${layout.frames.total} frames`;
  const some = !panes[0].complete && h("p", { class: "staa-quiet" }, words);
  return h("div", { class: "staa-timeline" }, seekbar(session), some, header, element);
}
