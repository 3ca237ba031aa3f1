import { asFloat32, asUint8, type Bytes, halfToFloat32 } from "./bytes.js";
import type { Model } from "./model.js";

/** Layout of the payload that this player reads; `SCHEMA` in payload.py is its twin. */
export const SCHEMA = 2;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The trait `_meta`. Seconds, source frame indices, and pixels of the displayed source frame. */
export interface Meta {
  schema: number;
  clip: { name: string; size: [number, number]; duration: number; sha256: string };
  /** The frames one can scrub through: all of the clip, or those with a picture where they were thinned out. */
  frames: { indices: number[]; times: number[]; first: number; total: number };
  pictures: { size: [number, number]; offsets: number[] } | null;
  grid: [slices: number, rows: number, columns: number];
  box: [x0: number, y0: number, x1: number, y1: number];
  spans: [start: number, end: number][];
  sampled: number[][];
  sampled_times: number[][];
  scale: number;
  signed: boolean;
  attention: [layers: number, heads: number] | null;
  labels: string[];
  probabilities: number[];
  target: number;
  method: string;
  params: { [key: string]: Json };
  model: string;
  provenance: { [key: string]: Json };
  colours: string[];
}

export interface Payload {
  meta: Meta;
  jpegs: Uint8Array<ArrayBuffer>;
  /** `(S, h, w)` over their greatest magnitude. */
  maps: Float32Array;
  /** Share of the clip's attribution in each slice. */
  temporal: Float32Array;
  /** The same with signs. */
  temporalSigned: Float32Array;
  /** `(L, H, S, h, w)`, empty where there is none. */
  attention: Float32Array;
  /** RGB `(256, 3)` by name. */
  colours: Map<string, Uint8Array>;
}

/** Read what `pack` in payload.py wrote into the traits `_meta` and `_<buffer>`. */
export function readPayload(model: Model): Payload {
  const meta = model.get("_meta") as Meta | null;
  if (meta?.schema !== SCHEMA) {
    throw new Error(`This player reads explanations of layout ${SCHEMA}; this one has layout ${meta?.schema}.`);
  }
  const bytes = (name: string) => model.get(`_${name}`) as Bytes;
  const temporal = asFloat32(bytes("temporal"));
  const colours = asUint8(bytes("colours"));
  return {
    meta,
    jpegs: asUint8(bytes("frames")),
    maps: halfToFloat32(bytes("maps")),
    temporal: temporal.subarray(0, meta.grid[0]),
    temporalSigned: temporal.subarray(meta.grid[0]),
    attention: halfToFloat32(bytes("attention")),
    colours: new Map(meta.colours.map((name, i) => [name, colours.subarray(768 * i, 768 * (i + 1))])),
  };
}
