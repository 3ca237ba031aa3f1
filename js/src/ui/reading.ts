import type { Session } from "../session.js";
import { bars } from "./bars.js";
import { h, percent, seconds } from "./dom.js";

/** The bars in a sentence. */
export function summary({ heat, active }: Session): string {
  const { temporal } = heat.value;
  const peak = temporal.indexOf(temporal.reduce((a, b) => Math.max(a, b)));
  const [start, end] = active.value.film.spans[peak];
  const most = `most, ${percent(temporal[peak])}, from ${seconds(start)} to ${seconds(end)}`;
  return `Share of the attribution in each of ${temporal.length} slices of time; ${most}.`;
}

/** The bars as rows of a table, 300 at most. */
export function tabled({ heat, active }: Session): HTMLElement[] {
  const { temporal } = heat.value;
  const { spans } = active.value.film;
  const head = h("tr", {}, ...["Slice", "From", "To", "Share"].map((name) => h("th", { scope: "col" }, name)));
  const body = bars(temporal, 0, temporal.length, Math.ceil(temporal.length / 300)).map(({ from, to, mean }) => {
    const slices = to - from > 1 ? `${from + 1}–${to}` : String(to);
    const cells = [slices, seconds(spans[from][0]), seconds(spans[to - 1][1]), percent(mean * (to - from))];
    return h("tr", {}, ...cells.map((text) => h("td", {}, text)));
  });
  return [h("caption", {}, "Share of the attribution by slice of time"), head, ...body];
}
