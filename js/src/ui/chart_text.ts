// The chart in words: a time range, a summary and a table for screen readers.

import type { Heat } from "../heat/maps.js";
import type { Session } from "../session/session.js";
import { mergeBars } from "./chart_bars.js";
import { h, percent, seconds } from "./dom.js";

/** Format a range of seconds. */
export const timeRange = (from: number, to: number): string => `${seconds(from)} – ${seconds(to)}`;

/** What the shares of slices are shares of; for maps with negative values, magnitudes are added up. */
export const totalName = ({ signed }: Heat): string => (signed ? "sum of magnitudes" : "attribution");

/** Summarize the bars in a sentence. */
export function summary(session: Session): string {
  const { active } = session.panes;
  const { heat } = session.view;
  const { temporal, signed } = heat.value;
  const max = Math.max(...temporal);
  const peak = timeRange(...active.value.layout.spans[temporal.indexOf(max)]);
  const ofWhat = signed ? ` of the ${totalName(heat.value)}` : "";
  return `Attribution in ${temporal.length} time slices; the largest share${ofWhat}, ${percent(max)}, lies at ${peak}.`;
}

/** The two parts of a share, for and against the class, from the share and the share with signs. */
export const forAndAgainst = (share: number, signedShare: number): [number, number] => [
  (share + signedShare) / 2,
  (share - signedShare) / 2,
];

/** The bars as rows of a table; slices are merged into 300 rows at most. */
export function tableRows(session: Session): HTMLElement[] {
  const { active } = session.panes;
  const { heat } = session.view;
  const { temporal, temporalSigned, signed } = heat.value;
  const { length } = temporal;
  const perRow = Math.ceil(length / 300);
  const signedBars = mergeBars(temporalSigned, 0, length, perRow);
  const { spans } = active.value.layout;
  const row = (tag: "th" | "td", ...cells: string[]) => h("tr", {}, ...cells.map((text) => h(tag, {}, text)));
  const body = mergeBars(temporal, 0, length, perRow).map(({ from, to, mean }, i) => {
    const halves = signed ? forAndAgainst(mean, signedBars[i].mean) : [];
    const shares = [mean, ...halves].map((share) => percent(share * (to - from)));
    return row("td", seconds(spans[from][0]), seconds(spans[to - 1][1]), ...shares);
  });
  return [row("th", "From", "To", "Share", ...(signed ? ["For the class", "Against it"] : [])), ...body];
}
