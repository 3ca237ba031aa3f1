import type { Blend } from "../clock.js";
import type { Payload } from "../protocol.js";
import { strengths } from "./refine.js";

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
export function heatOf(payload: Payload, layer: number, head: number): Heat {
  const [slices, rows, columns] = payload.meta.grid;
  const [layers, heads] = payload.meta.attention ?? [0, 0];
  if (layer < 0 || layer >= layers) {
    return {
      values: payload.maps,
      scale: payload.meta.scale,
      sorted: strengths(payload.maps),
      rows,
      columns,
      signed: payload.meta.signed,
      temporal: payload.temporal,
      temporalSigned: payload.temporalSigned,
    };
  }
  const size = slices * rows * columns;
  const values = new Float32Array(size);
  const chosen = head < 0 || head >= heads ? Array.from({ length: heads }, (_, h) => h) : [head];
  for (const h of chosen) {
    const offset = (layer * heads + h) * size;
    for (let i = 0; i < size; i++) values[i] += payload.attention[offset + i] / chosen.length;
  }
  const scale = values.reduce((top, value) => Math.max(top, value), 0) || 1;
  const temporal = new Float32Array(slices);
  let total = 0;
  for (let i = 0; i < size; i++) {
    values[i] /= scale;
    temporal[Math.floor(i / (rows * columns))] += values[i];
    total += values[i];
  }
  for (let s = 0; s < slices; s++) temporal[s] = total > 0 ? temporal[s] / total : 1 / slices;
  return { values, scale, sorted: strengths(values), rows, columns, signed: false, temporal, temporalSigned: temporal };
}

/** One map `(h, w)` for a moment in time. */
export function mapAt(heat: Heat, { from, to, mix }: Blend): Float32Array {
  const size = heat.rows * heat.columns;
  const first = heat.values.subarray(from * size, (from + 1) * size);
  if (mix === 0) return first;
  const second = heat.values.subarray(to * size, (to + 1) * size);
  return first.map((value, i) => value * (1 - mix) + second[i] * mix);
}
