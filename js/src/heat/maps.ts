import type { Blend } from "../clock.js";
import type { Meta, Payload } from "../protocol.js";
import { smooth, strengths } from "./refine.js";

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
export function heatOf(payload: Payload, layer: number, head: number, sigma = 0): Heat {
  const { maps, attention, temporal, temporalSigned } = payload;
  const { grid, scale, signed, attention: kept } = payload.meta;
  const [, rows, columns] = grid;
  const [layers, heads] = kept ?? [0, 0];
  if (layer < 0 || layer >= layers) {
    if (sigma > 0) return measured(smooth(maps, grid, sigma), scale, grid, signed);
    return { values: maps, scale, sorted: strengths(maps), rows, columns, signed, temporal, temporalSigned };
  }
  const size = maps.length;
  const values = new Float32Array(size);
  const chosen = head < 0 || head >= heads ? Array.from({ length: heads }, (_, h) => h) : [head];
  for (const h of chosen) {
    const offset = (layer * heads + h) * size;
    for (let i = 0; i < size; i++) values[i] += attention[offset + i] / chosen.length;
  }
  return measured(smooth(values, grid, sigma), 1, grid, false);
}

/** Bring maps to their greatest magnitude, and measure what falls into each slice. */
function measured(maps: Float32Array, scale: number, [slices, rows, columns]: Meta["grid"], signed: boolean): Heat {
  const top = maps.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const values = maps.map((value) => value / top);
  const temporal = new Float32Array(slices);
  const temporalSigned = new Float32Array(slices);
  for (let i = 0; i < values.length; i++) {
    const s = Math.floor(i / (rows * columns));
    temporal[s] += Math.abs(values[i]);
    temporalSigned[s] += values[i];
  }
  const total = temporal.reduce((sum, mass) => sum + mass);
  for (let s = 0; s < slices; s++) {
    temporal[s] = total > 0 ? temporal[s] / total : 1 / slices;
    temporalSigned[s] /= total || 1;
  }
  return { values, scale: scale * top, sorted: strengths(values), rows, columns, signed, temporal, temporalSigned };
}

/** One map `(h, w)` for a moment in time. */
export function mapAt(heat: Heat, { from, to, mix }: Blend): Float32Array {
  const size = heat.rows * heat.columns;
  const first = heat.values.subarray(from * size, (from + 1) * size);
  if (mix === 0) return first;
  const second = heat.values.subarray(to * size, (to + 1) * size);
  return first.map((value, i) => value * (1 - mix) + second[i] * mix);
}
