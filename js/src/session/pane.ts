// A pane: one explanation shown, and everything that is derived from it at the current frame.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { BACKGROUND_MAX_SIDE, DEFAULTS, DIVERGING } from "../core/generated.js";
import type { State } from "../core/settings.js";
import { createTimeline, type Timeline } from "../core/timeline.js";
import { computeHeat, type Heat, mapAt } from "../heat/maps.js";
import { outlineOf } from "../heat/outline.js";
import { palette } from "../heat/palette.js";
import { hiddenMagnitude } from "../heat/refine.js";
import { type ClipLayout, type Meta, type Payload, sameClip } from "../host/payload.js";
import type { Overlay } from "../render/composite.js";

type Size = readonly [number, number];
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** What a heat map is drawn from. */
interface HeatSource {
  readonly heat: ReadonlySignal<Heat>;
  /** Current map `(h, w)`. */
  readonly map: ReadonlySignal<Float32Array>;
  /** The colormap, RGB `(256, 3)`. */
  readonly colorTable: ReadonlySignal<Uint8Array>;
  /** Value with the colormap's last color, unless frames are scaled one by one; 1 is the clip's maximum. */
  readonly colorMax: ReadonlySignal<number>;
  /** Whether this is the difference of two panes. */
  readonly isDifference?: boolean;
  /** Size of the pictures in pixels. */
  readonly size: Size;
  /** The part of the frame that the model saw, in pixels of the pictures. */
  readonly box: Box;
}

/** How a heat map is laid over a frame. */
interface HeatOverlay {
  /** Value that cells must exceed to be drawn, as a share of the clip's maximum. */
  readonly cutoff: ReadonlySignal<number>;
  readonly overlay: ReadonlySignal<Overlay>;
  /** Whether the model saw less than the whole frame. */
  readonly cropped: boolean;
}

/** A heat map over frames: of a pane, or the difference of two panes. */
export interface HeatPicture extends HeatSource, HeatOverlay {
  readonly meta: ReadonlySignal<Meta>;
  readonly timeline: Timeline;
  /** Position of the current frame on the timeline; one signal for all panes of a clip. */
  readonly position: ReadonlySignal<number>;
  readonly slice: ReadonlySignal<number>;
  /** Outline of the ground truth in the current frame, as a path in pixels of its masks; empty if there is none. */
  readonly outline: ReadonlySignal<string>;
}

/** One shown explanation, and what follows from it for the current frame. */
export interface Pane extends HeatPicture {
  /** The explanation; another one of the same clip may replace it. */
  readonly payload: Signal<Payload>;
  /** The last payload that was not about a patch. */
  beforePatch: Payload | null;
  /** Frames, times and grid, which stay while explanations change. */
  readonly layout: ClipLayout;
  /** Whether every frame of the clip can be shown, not only those that a long clip keeps. */
  readonly complete: boolean;
  /** Name of the colormap in use: always the diverging one for signed maps. */
  readonly colormap: ReadonlySignal<string>;
}

const maxMagnitude = (map: Float32Array) => map.reduce((top, value) => Math.max(top, Math.abs(value)), 0);

/** Add how the heat map is laid over the frame, which follows from the settings. */
export function withOverlay<T extends HeatSource>(source: T, state: State): T & HeatOverlay {
  const { heat, map, colorTable, colorMax, size, box } = source;
  const cutoff = computed(() => state.threshold.value && hiddenMagnitude(heat.value.sorted, state.threshold.value));
  const overlay = computed(() => {
    const top = (state.normalize.value === "frame" && maxMagnitude(map.value)) || colorMax.value;
    return {
      ...heat.value,
      map: map.value,
      top,
      // The cutoff is the same in every frame of the clip, so that scaling per frame does not bring hidden cells back.
      palette: palette({
        colorTable: colorTable.value,
        opacity: state.opacity.value,
        cutoff: cutoff.value / top,
        gamma: state.gamma.value,
        signed: heat.value.signed,
      }),
      nearest: state.interpolation.value === "nearest",
      box,
      dim: state.dim_outside.value,
    };
  });
  const cropped = box.some((edge, i) => (i < 2 ? edge > 0.5 : edge < size[i - 2] - 0.5));
  return { ...source, cutoff, overlay, cropped };
}

/**
 * Make a pane of a payload. A pane of another clip than the first one shows the same second as the first pane. `canFetch`
 * says whether the kernel can send frames that did not come with the payload. `all` lists the panes made so far, and the
 * others once they are made.
 */
export function createPane(initial: Payload, state: State, canFetch: boolean, all: readonly Pane[]): Pane {
  const layout: ClipLayout = initial.meta;
  const { first: firstFrame, total, kept, live } = layout.frames;
  const [first] = all;
  const same = all.find((other) => sameClip(other.layout, layout));
  const complete = !kept || (same ? same.complete : canFetch && live);
  const frames = complete ? Array.from({ length: total }, (_, i) => firstFrame + i) : kept;
  const times = frames.map((frame) => initial.times[frame - firstFrame]);
  const timeline = createTimeline(frames, times, layout.spans, layout.sampled_frames, layout.sampled_times);
  const size = same?.size ?? pictureSize(layout);
  const box = layout.box.map((edge, i) => edge * (size[i % 2] / layout.clip.size[i % 2])) as unknown as Box;

  if (!first && state.frame.value === null) {
    const { temporal } = initial;
    const sampled = layout.sampled_frames[temporal.indexOf(Math.max(...temporal))];
    state.frame.value = frames[timeline.positionOf(sampled[sampled.length >> 1])];
  }
  const ownPosition = () =>
    first ? timeline.positionAt(first.timeline.times[first.position.value]) : timeline.positionOf(state.frame.value!);
  const position = same?.position ?? computed(ownPosition);
  const payload = signal(initial);
  const meta = computed(() => payload.value.meta);
  const heat = computed(() => {
    const choice = { layer: state.layer.value, head: state.head.value, mask: state.mask.value };
    return computeHeat(payload.value, choice, state.smooth.value);
  });
  const colormap = computed(() => {
    const chosen = state.colormap.value;
    if (heat.value.signed) return DIVERGING;
    return payload.value.colormaps.has(chosen) ? chosen : DEFAULTS.colormap;
  });
  const source = {
    payload,
    beforePatch: null,
    meta,
    layout,
    timeline,
    complete,
    position,
    slice: computed(() => timeline.slices[position.value]),
    heat,
    map: computed(() => mapAt(heat.value, timeline[blendMode(state)](position.value))),
    colormap,
    colorTable: computed(() => payload.value.colormaps.get(colormap.value)!),
    colorMax: computed(() => {
      if (!state.share_scale.value || !heat.value.maxShare) return 1;
      return Math.max(...all.map((pane) => pane.heat.value.maxShare)) / heat.value.maxShare;
    }),
    size,
    box,
    outline: computed(() => {
      const { ground_truth: truth } = meta.value;
      if (!truth || !state.show_ground_truth.value) return "";
      const [from, to] = truth.offsets.slice(frames[position.value] - firstFrame);
      return outlineOf(payload.value.groundTruth.subarray(2 * from, 2 * to), truth.size);
    }),
  };
  return withOverlay(source, state);
}

const blendMode = (state: State) => (state.time_interpolation.value === "hold" ? "hold" : "blend");

/** The size of the pictures in pixels; for a clip without pictures, that of the clip, scaled down to `BACKGROUND_MAX_SIDE`. */
function pictureSize({ pictures, clip }: ClipLayout): Size {
  const scale = Math.min(1, BACKGROUND_MAX_SIDE / Math.max(...clip.size));
  return pictures?.size ?? (clip.size.map((side) => Math.round(side * scale) || 1) as [number, number]);
}
