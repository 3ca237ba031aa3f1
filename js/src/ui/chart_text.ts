// The chart in words: a time range, a summary and a table for screen readers.

import type { Session } from "../session/session.js";
import { bars } from "./chart_bars.js";
import { h, percent, seconds } from "./dom.js";

export const range = (from: number, to: number): string => `${seconds(from)} – ${seconds(to)}`;

/** The bars in a sentence. */
export function summary({ heat, active }: Session): string {
  const { temporal } = heat.value;
  const most = Math.max(...temporal);
  const peak = range(...active.value.film.spans[temporal.indexOf(most)]);
  return `Attribution in ${temporal.length} slices of time; most, ${percent(most)}, ${peak}.`;
}

/** The bars as rows of a table, 300 at most. */
export function tabled({ heat, active }: Session): HTMLElement[] {
  const { temporal } = heat.value;
  const { length } = temporal;
  const { spans } = active.value.film;
  const row = (tag: "th" | "td", ...cells: string[]) => h("tr", {}, ...cells.map((text) => h(tag, {}, text)));
  const body = bars(temporal, 0, length, Math.ceil(length / 300)).map(({ from, to, mean }) =>
    row("td", seconds(spans[from][0]), seconds(spans[to - 1][1]), percent(mean * (to - from))),
  );
  return [row("th", "From", "To", "Share"), ...body];
}
