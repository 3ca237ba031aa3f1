// The chart in words: a time range, a summary and a table for screen readers.

import type { Session } from "../session/session.js";
import { mergeBars } from "./chart_bars.js";
import { h, percent, seconds } from "./dom.js";

/** Format a range of seconds. */
export const timeRange = (from: number, to: number): string => `${seconds(from)} – ${seconds(to)}`;

/** Summarize the bars in a sentence. */
export function summary(session: Session): string {
  const { active } = session.panes;
  const { heat } = session.view;
  const { temporal } = heat.value;
  const max = Math.max(...temporal);
  const peak = timeRange(...active.value.layout.spans[temporal.indexOf(max)]);
  return `Attribution in ${temporal.length} time slices; the largest share, ${percent(max)}, lies at ${peak}.`;
}

/** The bars as rows of a table; slices are merged into 300 rows at most. */
export function tableRows(session: Session): HTMLElement[] {
  const { active } = session.panes;
  const { heat } = session.view;
  const { temporal } = heat.value;
  const { length } = temporal;
  const { spans } = active.value.layout;
  const row = (tag: "th" | "td", ...cells: string[]) => h("tr", {}, ...cells.map((text) => h(tag, {}, text)));
  const body = mergeBars(temporal, 0, length, Math.ceil(length / 300)).map(({ from, to, mean }) =>
    row("td", seconds(spans[from][0]), seconds(spans[to - 1][1]), percent(mean * (to - from))),
  );
  return [row("th", "From", "To", "Share"), ...body];
}
