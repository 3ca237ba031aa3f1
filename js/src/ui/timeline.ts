// The seek bar over the chart.

import type { Session } from "../session/session.js";
import { chart } from "./chart.js";
import { h } from "./dom.js";
import { seekbar } from "./seekbar.js";

/** The seek bar for the whole clip, and the chart for the part that is zoomed to. */
export function timeline(session: Session): HTMLElement {
  const { header, element } = chart(session);
  const { host } = session;
  const { timeline, all: panes, layout } = session.panes;
  const page = host.kernel.state.peek() === "none" ? "page" : "player";
  const text = `This ${page} contains ${timeline.count} of ${layout.frames.total} frames`;
  const note = !panes[0].complete && h("p", { class: "staa-quiet" }, text);
  return h("div", { class: "staa-timeline" }, seekbar(session), note, header, element);
}
