// The SVG of the chart: bars of each pane over a grid, the time axis, and bands behind the bars.

import { type ReadonlySignal, signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { atOrBefore } from "../core/timeline.js";
import type { Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";
import { mergeBars, niceStep } from "./chart_bars.js";
import type { ChartView } from "./chart_view.js";
import { percent, seconds, svg } from "./dom.js";

/** The bars of one pane shown. */
export interface DrawnBars {
  /** Slices that each bar stands for. */
  readonly slicesPerBar: number;
  /** Number of bars before the first one shown. */
  readonly before: number;
  readonly elements: readonly Element[];
}

/** The vertical scale, one for all panes, so that their heights can be compared. */
interface Scale {
  /** Largest positive and negative value, and distance of grid lines. */
  top: number;
  bottom: number;
  step: number;
  /** Free pixels above the bars of a pane. */
  above: number;
  several: boolean;
}

/** Draw the bars of all panes and the time axis into `plot` whenever they change; return the bars shown. */
export function drawBars(session: Session, view: ChartView, plot: SVGElement): ReadonlySignal<readonly DrawnBars[]> {
  const { all: panes } = session.panes;
  const drawn = signal<readonly DrawnBars[]>([]);
  watch(session.until, () => {
    const halves = panes.map(positiveAndNegative);
    const scale = scaleOf(halves);
    plot.replaceChildren();
    drawn.value = panes.map((pane, i) => {
      const y = (value: number) =>
        i * view.laneHeight +
        scale.above +
        ((view.laneHeight - scale.above) * (scale.top - value)) / (scale.top + scale.bottom);
      plot.append(...gridLines(scale, y), ...uniformLine(pane, y));
      const bars = barsOf(pane, halves[i], view, i, y);
      plot.append(...bars.elements);
      return bars;
    });
    plot.append(...timeLabels(view));
  });
  return drawn;
}

/** Draw the spans of the ground truth and the selection behind the bars, whenever they change. */
export function drawBands(session: Session, view: ChartView, group: SVGElement): void {
  const { state, until } = session;
  const { meta } = session.view;
  watch(until, () => {
    const spans = (state.show_ground_truth.value && meta.value.ground_truth?.spans) || [];
    const { plotHeight } = view;
    const selection = state.selection.value;
    group.replaceChildren(
      ...spans.flatMap((span) => [
        rectangle(view, "staa-during", span, 0, plotHeight, 0.16),
        rectangle(view, "staa-during", span, 0, 4),
      ]),
      ...(selection ? [rectangle(view, "staa-band", selection, 0, plotHeight + 6, 0.14)] : []),
    );
  });
}

/** The share of each slice, of positive and of negative values. */
function positiveAndNegative({ heat }: Pane): Float32Array[] {
  const { temporal, temporalSigned } = heat.value;
  return [1, -1].map((sign) => temporal.map((share, slice) => (share + sign * temporalSigned[slice]) / 2));
}

function scaleOf(halves: Float32Array[][]): Scale {
  const several = halves.length > 1;
  const [high, low] = [0, 1].map((half) => Math.max(...halves.flatMap((both) => [...both[half]])));
  // Round steps, if there is room for several of them.
  const step = (several ? high : niceStep(high + low, 3)) || 1;
  return {
    top: Math.ceil(high / step) * step || step,
    bottom: several ? low : Math.ceil(low / step) * step,
    step,
    above: several ? 16 : 6,
    several,
  };
}

function gridLines({ top, bottom, step, several }: Scale, y: (value: number) => number): SVGElement[] {
  const elements: SVGElement[] = [];
  for (let tick = several ? 0 : -bottom; tick <= top + step / 2; tick += step) {
    elements.push(line("staa-grid", y(tick)));
    if (!several || tick) elements.push(label(-8, y(tick) + 4, percent(Math.abs(tick)), "end"));
  }
  return elements;
}

/** A dashed line at the share that each slice of an unsigned map would have if all were equal. */
function uniformLine({ heat }: Pane, y: (value: number) => number): SVGElement[] {
  const { signed, temporal } = heat.value;
  if (signed) return [];
  const level = y(1 / temporal.length);
  return [line("staa-even", level, "3 4")];
}

function barsOf(
  { heat, layout: { spans } }: Pane,
  halves: Float32Array[],
  view: ChartView,
  index: number,
  y: (value: number) => number,
): DrawnBars {
  const [from, length] = view.range.value;
  const starts = view.sliceStarts[index];
  const first = atOrBefore(starts, from);
  const last = atOrBefore(starts, from + length - 1e-9) + 1;
  // A bar has at least two pixels.
  const slicesPerBar = Math.ceil((2 * (last - first)) / view.width.value);
  const merged = slicesPerBar > 1;
  const [positive, negative] = halves.map((half) => mergeBars(half, first, last, slicesPerBar));
  const warm = heat.value.signed ? " staa-warm" : "";
  const elements = positive.map(({ from, to, mean, max }, k) => {
    const below = negative[k];
    const bar = (kind: string, high: number, low: number) => {
      const height = Math.max(y(low) - y(high), +(high > low));
      return rectangle(view, `staa-bar${kind}`, [spans[from][0], spans[to - 1][1]], y(high), height);
    };
    return svg(
      "g",
      { class: "staa-slice", "stroke-width": merged ? 0 : 1.5 },
      bar(warm, mean, 0),
      bar("", 0, -below.mean),
      merged && bar(`${warm} staa-most`, max, mean),
      merged && bar(" staa-most", -below.mean, -below.max),
    );
  });
  return { slicesPerBar, before: Math.floor(first / slicesPerBar), elements };
}

/** Labels of the time axis: seconds, or minutes if many are shown. */
function timeLabels(view: ChartView): SVGElement[] {
  const [from, length] = view.range.value;
  const unit = length > 180 ? 60 : 1;
  const step = niceStep(length / unit, 6) * unit;
  const digits = step < 0.1 ? 2 : +(step < 1);
  const elements: SVGElement[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= from + length; i++) {
    const share = view.share(i * step);
    const text = unit > 1 ? `${(i * step) / unit} min` : seconds(i * step, digits);
    // A centered label at the end would be cut off.
    elements.push(label(across(share), view.plotHeight + 17, text, share > 0.97 ? "end" : "middle"));
  }
  return elements;
}

const across = (share: number) => `${100 * share}%`;

function rectangle(
  { share }: ChartView,
  kind: string,
  [from, to]: readonly [number, number],
  y: number,
  height: number,
  opacity = 1,
): SVGElement {
  return svg("rect", {
    class: kind,
    x: across(share(from)),
    width: across(share(to) - share(from)),
    y,
    height,
    "fill-opacity": opacity,
  });
}

const line = (kind: string, y: number, dashes = ""): SVGElement =>
  svg("line", { class: kind, x2: "100%", y1: y, y2: y, "stroke-dasharray": dashes });

/** Text in the chart, readable over its lines. */
const label = (x: string | number, y: number, text: string, anchor: string): SVGElement =>
  svg("text", { class: "staa-label", x, y, "text-anchor": anchor, "stroke-width": 3, "paint-order": "stroke" }, text);
