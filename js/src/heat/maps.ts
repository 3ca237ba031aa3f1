// Heat maps of an explanation: the joint map, a mask or the attention of a layer, and the map at one moment.

import type { Blend } from "../core/timeline.js";
import type { Payload } from "../host/payload.js";
import { smooth, sortedMagnitudes } from "./refine.js";

/** Heat maps: the joint attribution of all layers, a mask, or the attention of one layer. */
export interface Heat {
  /** `(S, h, w)` in -1 … 1, divided by the maximum magnitude of the whole clip. */
  readonly values: Float32Array;
  /** Factor from `values` to the numbers of the explanation. */
  readonly scale: number;
  /** Share of the clip's attribution in the strongest cell. */
  readonly maxShare: number;
  /** All magnitudes in rising order. */
  readonly sorted: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly signed: boolean;
  /** Share of each slice, `(S,)`; sums to 1. */
  readonly temporal: Float32Array;
  /** The same with signs. */
  readonly temporalSigned: Float32Array;
}

/** What is shown of an explanation: the maps of all layers (layer -1), the attention of a head or of all (head -1), or a mask. */
export interface MapChoice {
  layer: number;
  head: number;
  /** Shown in place of the maps of all layers, unless it is -1. */
  mask?: number;
}

/** The heat maps of a choice; a layer, head or mask that the explanation lacks counts as -1. */
export function computeHeat(payload: Payload, { layer, head, mask = -1 }: MapChoice, sigma = 0): Heat {
  const { maps, masks, attention, meta } = payload;
  const { grid, attention: attentionShape } = meta;
  const [slices, rows, columns] = grid;
  const [layers, heads] = attentionShape ?? [0, 0];
  const ofLayer = layer >= 0 && layer < layers;
  const masked = !ofLayer && mask >= 0 && mask < (meta.masks?.areas.length ?? 0);
  const joint = !ofLayer && !masked;
  const chosen = head < 0 || head >= heads ? [...Array(heads).keys()] : [head];
  const attentionAt = (h: number, i: number) => attention[(layer * heads + h) * maps.length + i];
  let shown = maps;
  if (masked) shown = masks.subarray(mask * maps.length, (mask + 1) * maps.length);
  if (ofLayer) shown = maps.map((_, i) => chosen.reduce((sum, h) => sum + attentionAt(h, i), 0) / chosen.length);
  const blurred = smooth(shown, grid, sigma);
  const top = blurred.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const values = blurred.map((value) => value / (top || 1));
  const sorted = sortedMagnitudes(values);
  // The share of each slice.
  const total = sorted.reduce((sum, value) => sum + value, 0) || 1;
  const series = (size: (value: number) => number) => {
    const sums = new Float32Array(slices);
    for (const [i, value] of values.entries()) sums[Math.floor(i / (rows * columns))] += size(value) / total;
    return sums;
  };
  return {
    values,
    scale: (joint ? meta.scale : 1) * (top || 1),
    maxShare: top ? 1 / total : 0,
    sorted,
    rows,
    columns,
    signed: joint && meta.signed,
    temporal: top ? series(Math.abs) : new Float32Array(slices).fill(1 / slices),
    temporalSigned: series(Number),
    // Python computed these in full precision.
    ...(joint && !sigma && { temporal: payload.temporal, temporalSigned: payload.temporalSigned }),
  };
}

/** The map `(h, w)` of one slice, or of a blend of two. */
export function mapAt(heat: Heat, { from, to, mix }: Blend): Float32Array {
  const size = heat.rows * heat.columns;
  const first = heat.values.subarray(from * size, (from + 1) * size);
  if (!mix) return first;
  return first.map((value, i) => value * (1 - mix) + heat.values[to * size + i] * mix);
}
