// Heat maps of an explanation: the joint map or the attention of a layer, and the map at one moment.

import type { Blend } from "../core/timeline.js";
import type { Payload } from "../host/payload.js";
import { smooth, sortedMagnitudes } from "./refine.js";

/** The maps on show: the joint attribution, or the attention of one layer. */
export interface Heat {
  /** `(S, h, w)` within -1 … 1: over the greatest magnitude of the clip, never slice by slice. */
  readonly values: Float32Array;
  /** Factor from `values` back to the explanation's own numbers. */
  readonly scale: number;
  readonly sorted: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly signed: boolean;
  /** `(S,)`, sums to 1. */
  readonly temporal: Float32Array;
  readonly temporalSigned: Float32Array;
}

/** The joint maps for layer -1; else the attention of a layer, of one head or, for head -1, their mean. */
export function computeHeat(payload: Payload, layer: number, head: number, sigma = 0): Heat {
  const { maps, attention, meta } = payload;
  const { grid, attention: kept } = meta;
  const [slices, rows, columns] = grid;
  const [layers, heads] = kept ?? [0, 0];
  const joint = layer < 0 || layer >= layers;
  const chosen = head < 0 || head >= heads ? [...Array(heads).keys()] : [head];
  const own = (h: number, i: number) => attention[(layer * heads + h) * maps.length + i];
  const shown = joint ? maps : maps.map((_, i) => chosen.reduce((sum, h) => sum + own(h, i), 0) / chosen.length);
  const blurred = smooth(shown, grid, sigma);
  const top = blurred.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const values = blurred.map((value) => value / (top || 1));
  const sorted = sortedMagnitudes(values);
  // What falls into each slice, of all.
  const total = sorted.reduce((sum, value) => sum + value, 0) || 1;
  const series = (size: (value: number) => number) => {
    const sums = new Float32Array(slices);
    for (const [i, value] of values.entries()) sums[Math.floor(i / (rows * columns))] += size(value) / total;
    return sums;
  };
  return {
    values,
    scale: (joint ? meta.scale : 1) * (top || 1),
    sorted,
    rows,
    columns,
    signed: joint && meta.signed,
    temporal: top ? series(Math.abs) : new Float32Array(slices).fill(1 / slices),
    temporalSigned: series(Number),
    // Those of the explanation are exact.
    ...(joint && !sigma && { temporal: payload.temporal, temporalSigned: payload.temporalSigned }),
  };
}

/** One map `(h, w)` for a moment in time. */
export function mapAt(heat: Heat, { from, to, mix }: Blend): Float32Array {
  const size = heat.rows * heat.columns;
  const first = heat.values.subarray(from * size, (from + 1) * size);
  if (!mix) return first;
  return first.map((value, i) => value * (1 - mix) + heat.values[to * size + i] * mix);
}
