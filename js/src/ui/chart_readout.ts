// The numbers of the slice under the pointer or shown, or of the selection; the bars of these slices are marked.

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
): HTMLElement {
  const { state, until } = session;
  const { all: panes, active } = session.panes;
  const { names, shareBetween } = session.view;
  const element = h("span", { class: "staa-value" });
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
      const several = to - from > 1;
      const share = several ? `mean ${percent(mean)}, maximum ${percent(max)}` : percent(mean);
      const [{ mean: signedMean }] = mergeBars(temporalSigned, chosen, chosen + 1, merged);
      const [inFavor, against] = forAndAgainst(mean, signedMean).map(percent);
      const value = signed ? `${share} (${inFavor} for, ${against} against)` : share;
      const slices = several ? `slices ${from + 1}–${to}` : `slice ${to}`;
      return {
        place: `${slices} · ${timeRange(layout.spans[from][0], layout.spans[to - 1][1])}`,
        value: panes.length > 1 ? `${names.value[i]} ${value}` : value,
      };
    });
    element.textContent =
      selection && hovered === null
        ? `${timeRange(...selection)} selected · ${percent(shareBetween(...selection))}`
        : [texts[panes.indexOf(active.value)].place, ...texts.map(({ value }) => value)].join(" · ");
  });
  return element;
}
