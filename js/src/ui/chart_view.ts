// The part of the clip that the chart shows: scroll and zoom, conversion between seconds and places, and sizes.

import { type Signal, signal } from "@preact/signals-core";
import { clamp } from "../core/timeline.js";
import type { Session } from "../session/session.js";

/** Heights in pixels of the bars of one pane, for one to four panes. */
const LANE_HEIGHTS = [92, 64, 56, 56];

/** Fewest frames that the chart can be zoomed to. */
const MIN_FRAMES = 4;

/** Height in pixels of the bars of all panes. */
export const plotHeight = (panes: number): number => LANE_HEIGHTS[panes - 1] * panes;

export interface ChartView {
  /** Seconds shown: the first one, and how many. */
  readonly range: Signal<readonly [from: number, length: number]>;
  /** Width of the chart in pixels. */
  readonly width: Signal<number>;
  /** Second under the pointer. */
  readonly hovered: Signal<number | null>;
  /** Length of the clip in seconds. */
  readonly clipLength: number;
  /** Seconds at which the slices of each pane begin. */
  readonly sliceStarts: readonly (readonly number[])[];
  /** Height of the bars of one pane in pixels, and of all panes. */
  readonly laneHeight: number;
  readonly plotHeight: number;
  /** Place of a second across the chart, 0 … 1 for those shown. */
  share(second: number): number;
  /** Second at a place across the chart. */
  secondAt(share: number): number;
  /** Begin at a second, with another length if one is given. */
  scrollTo(from: number, length?: number): void;
  /** Show more or less time, centered on the second under the pointer or on the current frame. */
  zoom(factor: number): void;
}

export function createChartView(session: Session): ChartView {
  const { timeline, all: panes } = session.panes;
  const { time } = session.view;
  const { start, end } = timeline;
  const clipLength = end - start;
  const range = signal<readonly [number, number]>([start, clipLength]);
  const hovered = signal<number | null>(null);
  const laneHeight = LANE_HEIGHTS[panes.length - 1];
  const scrollTo = (from: number, length = range.peek()[1]) => {
    range.value = [clamp(from, start, end - length), length];
  };
  return {
    range,
    width: signal(640),
    hovered,
    clipLength,
    sliceStarts: panes.map(({ layout }) => layout.spans.map(([from]) => from)),
    laneHeight,
    plotHeight: plotHeight(panes.length),
    share: (second) => (second - range.value[0]) / range.value[1],
    secondAt: (share) => range.value[0] + share * range.value[1],
    scrollTo,
    zoom(factor) {
      const [from, before] = range.peek();
      const length = clamp(before * factor, (MIN_FRAMES * clipLength) / timeline.count, clipLength);
      const center = clamp((hovered.peek() ?? time.peek()) - from, 0, before) / before;
      scrollTo(from + center * (before - length), length);
    },
  };
}
