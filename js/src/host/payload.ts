// The payload of an explanation: its types, and how it is read from the host's traits.

import { asUint8, type Bytes, copyBytes, halfToFloat32 } from "../core/bytes.js";
import { type Group, SCHEMA } from "../core/generated.js";
import type { Json } from "../core/json.js";
import type { Model } from "./model.js";

/** A method that the kernel can compute. */
export interface Method {
  name: string;
  /** Name for readers. */
  title: string;
  summary: string;
  /** Whether its map depends on the class. */
  class_specific: boolean;
  /** The kind of method. */
  group: Group;
  /** Cost for this clip as text, in passes through the model. */
  cost: string;
  /** The same as numbers; `null` if the cost is unknown. */
  passes: [forwards: number, backwards: number] | null;
  /** About how long it takes here; `null` if that is unknown. */
  seconds: number | null;
}

/** A metric of an explanation against the ground truth. */
export interface Score {
  name: string;
  definition: string;
  /** `null` if the ground truth allows no score. */
  value: number | null;
  /** The score of a uniform map. */
  chance: number | null;
  /** The best score of a control that does not depend on the clip. */
  prior: number | null;
}

/** The true place and time of the clip's action. */
export interface GroundTruth {
  label: string;
  /** Seconds in which the action happens. */
  spans: [start: number, end: number][];
  /** Width and height of the masks, which cover the whole frame. */
  size: [number, number];
  /** Index of the first run of each frame in the buffer. */
  offsets: number[];
}

/** Metrics of an explanation against the ground truth. */
export interface ScoreCard {
  /** Equal for explanations of the same model, method, class and parameters. */
  key: string;
  method: string;
  /** Name of the method for readers. */
  title: string;
  /** The class, and parameters that differ from their defaults. */
  about: string;
  model: string;
  cost: string;
  /** Time of computation; `null` if the pass through the model came from the cache. */
  seconds: number | null;
  scores: Score[];
}

/** What a reader must know before believing an explanation. */
export interface Notice {
  kind: "film" | "off_recipe" | "incomplete";
  text: string;
  /** What to do about it; may be empty. */
  hint: string;
  /** Python code that does it; may be empty. */
  code: string;
}

/** Masks that keep the prediction, in rising order of their areas. */
export interface MaskFacts {
  /** Share of the clip that each mask shows. */
  areas: number[];
  /** Probability of the class if the model sees the mask's part only. */
  probabilities: number[];
  /** Probability of the class for the whole clip. */
  clip_probability: number;
  /** Index of the smallest mask that keeps the class; `null` if none does. */
  smallest: number | null;
}

/** The trait `_meta`. Times are in seconds, frames are source frames, lengths are pixels of the source frame. */
export interface Meta {
  schema: number;
  clip: { name: string; size: [number, number]; end: number; sha256: string };
  /** `kept`: frames of a long clip that come with the payload, or `null` for all; `live`: whether the kernel has the others. */
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
  masks: MaskFacts | null;
  labels: string[];
  probabilities: number[];
  /** The values of a regression, which has no probabilities. */
  values?: number[] | null;
  /** Whether predictions are known; they are not for maps of another tool. */
  predicted?: boolean;
  /** The explained class; -1 for a difference of classes and for a function of the logits. */
  target: number;
  /** What is explained, if it is not one class, such as `wave − clap`. */
  target_name?: string;
  /** Whether these are maps of another tool. */
  own_maps?: boolean;
  method: string;
  /** Name of the method for readers. */
  method_title: string;
  /** One sentence that states the explanation, the same as on the command line and in pictures. */
  summary: string;
  notices: Notice[];
  params: { [key: string]: Json };
  /** Whether the map shown depends on the class. */
  class_specific: boolean;
  methods: Method[];
  ground_truth: GroundTruth | null;
  /** Score cards of all explanations of this clip that were shown. */
  cards: ScoreCard[];
  /** `key` of the score card of this explanation; `null` if there is none. */
  card: string | null;
  model: string;
  /** Short names of all panes, and for each pane the names that distinguish it from the next one. */
  names: { panes: string[]; keys: string[]; pairs: [own: string, next: string][] };
  /** Parts of file names for the clip and the method. */
  file_stems: { clip: string; method: string };
  /** Python code that computes the explanation again. */
  recipe: string;
  /** Details of the computation, as text. */
  run_details: [name: string, value: string][];
  colors: string[];
}

/** The part of an explanation that determines its frames, its timeline and its grid. */
export type ClipLayout = Pick<
  Meta,
  "clip" | "frames" | "pictures" | "grid" | "box" | "spans" | "sampled_frames" | "sampled_times"
>;

const LAYOUT_FIELDS = "clip frames pictures grid box spans sampled_frames sampled_times".split(
  " ",
) as (keyof ClipLayout)[];

/** The name of what is explained: a class, or for example `wave − clap`. */
export const targetName = ({ target, target_name: name, labels }: Pick<Meta, "target" | "target_name" | "labels">) =>
  target < 0 ? (name ?? "") : labels[target];

/** Whether two explanations have the same frames. */
export function sameClip(one: ClipLayout, other: ClipLayout): boolean {
  const identity = ({ clip, frames }: ClipLayout) => [clip.sha256, frames.first, frames.total, frames.kept].join();
  return identity(one) === identity(other);
}

/** Whether one explanation can replace another without a change of frames, timeline or grid. */
export function sameLayout(one: ClipLayout, other: ClipLayout): boolean {
  const fieldsOf = (layout: ClipLayout) => JSON.stringify(LAYOUT_FIELDS.map((name) => layout[name]));
  return fieldsOf(one) === fieldsOf(other);
}

/** An explanation as the player has it: `meta` and its arrays. */
export interface Payload {
  meta: Meta;
  jpegs: Uint8Array<ArrayBuffer>;
  /** `(S, h, w)`, divided by the maximum magnitude. */
  maps: Float32Array;
  /** Share of the clip's attribution in each slice. */
  temporal: Float32Array;
  /** The same with signs. */
  temporalSigned: Float32Array;
  /** Seconds of every frame of the clip. */
  times: Float64Array;
  /** `(L, H, S, h, w)`, empty if there is none. */
  attention: Float32Array;
  /** `(A, S, h, w)`, the visible share of each cell; empty if there are no masks. */
  masks: Float32Array;
  /** `(R, 2)`, half-open runs of mask pixels, counted row by row. */
  groundTruth: Int32Array;
  /** Colormaps by name, RGB `(256, 3)`. */
  colormaps: Map<string, Uint8Array>;
}

/** For panes after the first: places of their buffers in `_more`. Missing buffers are those of the first pane. */
type FurtherPane = { parts?: { [buffer: string]: [from: number, to: number] } };

/** Read the panes that `pack_panes` in widget/panes.py wrote into the traits of `PAYLOAD_TRAITS`. */
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
      throw new Error(`This player reads data of layout ${SCHEMA}, not of layout ${meta?.schema}.`);
    }
    const bytes = (name: string) => {
      const part = meta.parts?.[name];
      return part ? more.subarray(...part) : trait(name);
    };
    const temporal = new Float32Array(copyBytes(bytes("temporal")));
    const colors = bytes("colors");
    const [slices] = meta.grid;
    return {
      meta,
      // Panes with the same pictures share one array, so that they are decoded once.
      jpegs: meta.parts?.frames ? bytes("frames") : pictures,
      maps: halfToFloat32(bytes("maps")),
      temporal: temporal.subarray(0, slices),
      temporalSigned: temporal.subarray(slices),
      times: new Float64Array(copyBytes(bytes("times"))),
      attention: halfToFloat32(bytes("attention")),
      masks: halfToFloat32(bytes("masks")),
      groundTruth: new Int32Array(copyBytes(bytes("ground_truth"))),
      colormaps: new Map(meta.colors.map((name, i) => [name, colors.subarray(768 * i, 768 * (i + 1))])),
    };
  });
}
