// The numbers of the slice under the pointer or shown, or of the selection; the bars of these slices are marked. Of several
// panes, each has its share over its own bars.

import type { ReadonlySignal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { atOrBefore } from "../core/timeline.js";
import type { Session } from "../session/session.js";
import { mergeBars } from "./chart_bars.js";
import type { DrawnBars } from "./chart_plot.js";
import { forAndAgainst, timeRange } from "./chart_text.js";
import type { ChartView } from "./chart_view.js";
import { h, percent } from "./dom.js";

export function chartReadout(
  session: Session,
  view: ChartView,
  drawn: ReadonlySignal<readonly DrawnBars[]>,
): { readout: HTMLElement; laneReadings: HTMLElement[] } {
  const { state, until } = session;
  const { all: panes, active } = session.panes;
  const { shareBetween } = session.view;
  const readout = h("span", { class: "staa-value" });
  const several = panes.length > 1;
  const laneReadings = several ? panes.map(() => h("span", { class: "staa-reading" })) : [];
  for (const [i, reading] of laneReadings.entries()) reading.style.top = `${i * view.laneHeight}px`;
  const marked: Element[] = [];
  watch(until, () => {
    const selection = state.selection.value;
    const hovered = view.hovered.value;
    for (const bar of marked.splice(0)) bar.setAttribute("class", "staa-slice");
    const texts = drawn.value.map(({ slicesPerBar, before, elements }, i) => {
      const { heat, slice, layout } = panes[i];
      const mark = (slice: number, className: string) => {
        const bar = elements[Math.floor(slice / slicesPerBar) - before];
        if (bar) marked.push(bar);
        bar?.classList.add(className);
        return slice;
      };
      const current = mark(slice.value, "staa-current");
      const chosen = hovered === null ? current : mark(atOrBefore(view.sliceStarts[i], hovered), "staa-hovered");
      const merged = hovered === null ? 1 : slicesPerBar;
      const { temporal, temporalSigned, signed } = heat.value;
      const [{ from, to, mean, max }] = mergeBars(temporal, chosen, chosen + 1, merged);
      const group = to - from > 1;
      const share = group ? `mean ${percent(mean)}, maximum ${percent(max)}` : percent(mean);
      const [{ mean: signedMean }] = mergeBars(temporalSigned, chosen, chosen + 1, merged);
      const [inFavor, against] = forAndAgainst(mean, signedMean).map(percent);
      const value = signed && !several ? `${share} (${inFavor} for, ${against} against)` : share;
      const slices = group ? `slices ${from + 1}–${to}` : `slice ${to}`;
      return {
        place: `${slices} · ${timeRange(layout.spans[from][0], layout.spans[to - 1][1])}`,
        value,
      };
    });
    for (const [i, reading] of laneReadings.entries()) reading.textContent = texts[i].value;
    const { place, value } = texts[panes.indexOf(active.value)];
    readout.textContent =
      selection && hovered === null
        ? `${timeRange(...selection)} selected · ${percent(shareBetween(...selection))}`
        : several
          ? place
          : `${place} · ${value}`;
  });
  return { readout, laneReadings };
}
