// The payload of an explanation: its types, and how it is read from the host's traits.

import { asUint8, type Bytes, copied, halfToFloat32 } from "../core/bytes.js";
import { type Group, SCHEMA } from "../core/generated.js";
import type { Json } from "../core/json.js";
import type { Model } from "./model.js";

/** A method that a kernel can be asked for. */
export interface Method {
  name: string;
  summary: string;
  /** Whether its map is of one class; else it is the same for all. */
  class_specific: boolean;
  /** What it works with. */
  group: Group;
  /** Passes through the model for this clip, in words. */
  cost: string;
}

/** What is known of the clip's action. */
export interface GroundTruth {
  label: string;
  /** Seconds in which it happens. */
  spans: [start: number, end: number][];
  /** Width and height of its masks, which cover the whole frame. */
  size: [number, number];
  /** Where the runs of each frame of the clip start in the buffer. */
  offsets: number[];
}

/** How an explanation stands up to the truth. */
export interface ScoreCard {
  /** Equal for equal questions. */
  key: string;
  method: string;
  /** The class it is of, and parameters that are not the usual ones. */
  about: string;
  model: string;
  cost: string;
  /** `null` where the pass through the model was taken from the cache. */
  seconds: number | null;
  /** `chance` is what a map without any preference scores; `null` where the truth leaves no score. */
  scores: { name: string; value: number | null; chance: number | null }[];
}

/** The trait `_meta`. Seconds, source frame indices, and pixels of the displayed source frame. */
export interface Meta {
  schema: number;
  clip: { name: string; size: [number, number]; end: number; sha256: string };
  /** Those `kept` as pictures where they were thinned out, and whether the kernel has the others. */
  frames: { first: number; total: number; kept: number[] | null; live: boolean };
  pictures: { size: [number, number]; offsets: number[] } | null;
  grid: [slices: number, rows: number, columns: number];
  box: [x0: number, y0: number, x1: number, y1: number];
  spans: [start: number, end: number][];
  sampled_frames: number[][];
  sampled_times: number[][];
  scale: number;
  signed: boolean;
  attention: [layers: number, heads: number] | null;
  labels: string[];
  probabilities: number[];
  target: number;
  method: string;
  params: { [key: string]: Json };
  /** Whether the map on show depends on the class. */
  class_specific: boolean;
  methods: Method[];
  ground_truth: GroundTruth | null;
  /** Of all that was shown of this clip. */
  cards: ScoreCard[];
  /** `key` of the card of what is on show; `null` where there is none. */
  card: string | null;
  model: string;
  /** Names of all panes, and for each pane those of it and the next, by which these two alone are told apart. */
  names: { panes: string[]; pairs: [own: string, next: string][] };
  /** The clip's and the method's part in names of files. */
  file_stems: { clip: string; method: string };
  /** The Python that makes the explanation again. */
  recipe: string;
  /** What was run, in words. */
  run_details: [name: string, value: string][];
  colors: string[];
}

/** The part of an explanation that the frames, the axis of time and the grid are laid out by. */
export type ClipLayout = Pick<
  Meta,
  "clip" | "frames" | "pictures" | "grid" | "box" | "spans" | "sampled_frames" | "sampled_times"
>;

const LAYOUT_FIELDS = "clip frames pictures grid box spans sampled_frames sampled_times".split(
  " ",
) as (keyof ClipLayout)[];

/** Whether two explanations are of the same pictures at the same times. */
export function sameClip(one: ClipLayout, other: ClipLayout): boolean {
  const which = ({ clip, frames }: ClipLayout) => [clip.sha256, frames.first, frames.total, frames.kept].join();
  return which(one) === which(other);
}

/** Whether one explanation can take the place of another with everything else staying where it is. */
export function sameLayout(one: ClipLayout, other: ClipLayout): boolean {
  const laid = (film: ClipLayout) => JSON.stringify(LAYOUT_FIELDS.map((name) => film[name]));
  return laid(one) === laid(other);
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
  /** Seconds of every frame of the clip. */
  times: Float64Array;
  /** `(L, H, S, h, w)`, empty where there is none. */
  attention: Float32Array;
  /** `(R, 2)`, half-open runs of pixels that act, counted through their mask row by row. */
  groundTruth: Int32Array;
  /** RGB `(256, 3)` by name. */
  colormaps: Map<string, Uint8Array>;
}

/** Of a further pane: where its buffers lie in `_more`. What is missing is as in the first one. */
type FurtherPane = { parts?: { [buffer: string]: [from: number, to: number] } };

/** Read the panes that `pack_panes` in payload.py wrote into the traits of `PAYLOAD_TRAITS`. */
export function readPayloads(model: Model): Payload[] {
  const trait = (name: string) => asUint8(model.get(`_${name}`) as Bytes);
  const more = trait("more");
  const pictures = trait("frames");
  const metas = [model.get("_meta"), ...((model.get("_others") ?? []) as Meta[])] as (
    | (Meta & FurtherPane)
    | undefined
  )[];
  return metas.map((meta) => {
    if (meta?.schema !== SCHEMA) {
      throw new Error(`This player reads layout ${SCHEMA}, not layout ${meta?.schema}.`);
    }
    const bytes = (name: string) => {
      const part = meta.parts?.[name];
      return part ? more.subarray(...part) : trait(name);
    };
    const temporal = new Float32Array(copied(bytes("temporal")));
    const colors = bytes("colors");
    const [slices] = meta.grid;
    return {
      meta,
      // One array for the same pictures, so that they are decoded once.
      jpegs: meta.parts?.frames ? bytes("frames") : pictures,
      maps: halfToFloat32(bytes("maps")),
      temporal: temporal.subarray(0, slices),
      temporalSigned: temporal.subarray(slices),
      times: new Float64Array(copied(bytes("times"))),
      attention: halfToFloat32(bytes("attention")),
      groundTruth: new Int32Array(copied(bytes("ground_truth"))),
      colormaps: new Map(meta.colors.map((name, i) => [name, colors.subarray(768 * i, 768 * (i + 1))])),
    };
  });
}
