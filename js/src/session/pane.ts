// A pane: one explanation on show, and everything that is derived from it at the frame on show.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { BACKGROUND_MAX_SIDE, DEFAULTS, DIVERGING } from "../core/generated.js";
import type { State } from "../core/settings.js";
import { type Clock, clockOf } from "../core/timeline.js";
import { type Heat, heatOf, mapAt } from "../heat/maps.js";
import { outline } from "../heat/outline.js";
import { palette } from "../heat/palette.js";
import { quantile } from "../heat/refine.js";
import { type Film, type Meta, type Payload, sameClip } from "../host/payload.js";
import type { Overlay } from "../render/composite.js";

type Size = readonly [number, number];
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** What a map is drawn from. */
interface Basis {
  readonly heat: ReadonlySignal<Heat>;
  /** Map `(h, w)` on show. */
  readonly map: ReadonlySignal<Float32Array>;
  /** Colour table, RGB `(256, 3)`. */
  readonly table: ReadonlySignal<Uint8Array>;
  /** Of a difference: the greatest that there could be, which takes the last level. */
  readonly reach?: ReadonlySignal<number>;
  /** Size of the pictures in pixels. */
  readonly size: Size;
  /** What the model saw, in pixels of the pictures. */
  readonly box: Box;
}

interface Drawn {
  /** Value that cells must exceed to be drawn, of the clip's greatest. */
  readonly cut: ReadonlySignal<number>;
  readonly overlay: ReadonlySignal<Overlay>;
  /** Whether the model saw less than the whole frame. */
  readonly cropped: boolean;
}

/** A map over pictures, as a screen draws it. */
export interface Shown extends Basis, Drawn {
  readonly meta: ReadonlySignal<Meta>;
  readonly clock: Clock;
  /** Position of the frame on show among those of this film; one signal for all panes of a clip. */
  readonly position: ReadonlySignal<number>;
  readonly slice: ReadonlySignal<number>;
  /** What acts in the frame on show, as a path in pixels of the truth's masks; empty where nothing does. */
  readonly outline: ReadonlySignal<string>;
}

/** One explanation on show, and all that follows from it at the moment on show. */
export interface Pane extends Shown {
  /** Another explanation of the same film may take its place. */
  readonly payload: Signal<Payload>;
  /** What stays while explanations change. */
  readonly film: Film;
  /** Whether every frame of the clip can be shown, not only those that were kept of a long one. */
  readonly whole: boolean;
  /** Name of the colour table in use: signed maps have 0 in the middle whatever is chosen. */
  readonly colours: ReadonlySignal<string>;
}

/** How a map is laid over a picture. */
export function draw<T extends Basis>(basis: T, state: State): T & Drawn {
  const { heat, map, table, reach, size, box } = basis;
  const cut = computed(() => state.threshold.value && quantile(heat.value.sorted, state.threshold.value));
  const overlay = computed(() => {
    const most = reach?.value ?? 1;
    const perFrame = state.normalize.value === "frame";
    const top = (perFrame && map.value.reduce((found, value) => Math.max(found, Math.abs(value)), 0)) || most;
    return {
      ...heat.value,
      map: map.value,
      top,
      // The cut stays where it is in the clip, so that scaling a frame does not bring hidden cells back.
      palette: palette({
        table: table.value,
        opacity: state.opacity.value,
        cut: cut.value / top,
        gamma: state.gamma.value,
        signed: heat.value.signed,
      }),
      linear: state.interpolation.value === "linear",
      box,
      dim: state.dim_outside.value,
    };
  });
  const cropped = box.some((edge, i) => (i < 2 ? edge > 0.5 : edge < size[i - 2] - 0.5));
  return { ...basis, cut, overlay, cropped };
}

/**
 * A pane after others shows what its own film has at the second that the first of them shows. `fetched` says whether
 * frames that do not travel with the explanation can be shown.
 */
export function paneOf(given: Payload, state: State, fetched: boolean, others: readonly Pane[]): Pane {
  const film: Film = given.meta;
  const { first: origin, total, kept, live } = film.frames;
  const [first] = others;
  const same = others.find((other) => sameClip(other.film, film));
  const whole = !kept || (same ? same.whole : fetched && live);
  const frames = whole ? Array.from({ length: total }, (_, i) => origin + i) : kept;
  const times = frames.map((frame) => given.times[frame - origin]);
  const clock = clockOf(frames, times, film.spans, film.sampled_frames, film.sampled_times);
  const fit = Math.min(1, BACKGROUND_MAX_SIDE / Math.max(...film.clip.size));
  // One size for all of a clip, so that their boxes can be compared.
  const size: Size =
    same?.size ??
    film.pictures?.size ??
    (film.clip.size.map((side) => Math.round(side * fit) || 1) as [number, number]);
  const box = film.box.map((edge, i) => edge * (size[i % 2] / film.clip.size[i % 2])) as unknown as Box;

  if (!first && state.frame.value === null) {
    const { temporal } = given;
    const seen = film.sampled_frames[temporal.indexOf(Math.max(...temporal))];
    state.frame.value = frames[clock.of(seen[seen.length >> 1])];
  }
  const position =
    same?.position ??
    computed(() => (first ? clock.at(first.clock.times[first.position.value]) : clock.of(state.frame.value!)));
  const payload = signal(given);
  const meta = computed(() => payload.value.meta);
  const heat = computed(() => heatOf(payload.value, state.layer.value, state.head.value, state.smooth.value));
  const colours = computed(() => {
    const chosen = state.colormap.value;
    if (heat.value.signed) return DIVERGING;
    return payload.value.colours.has(chosen) ? chosen : DEFAULTS.colormap;
  });
  const basis = {
    payload,
    meta,
    film,
    clock,
    whole,
    position,
    slice: computed(() => clock.slices[position.value]),
    heat,
    map: computed(() =>
      mapAt(heat.value, clock[state.time_interpolation.value === "hold" ? "held" : "blend"](position.value)),
    ),
    colours,
    table: computed(() => payload.value.colours.get(colours.value)!),
    size,
    box,
    outline: computed(() => {
      const { ground_truth: truth } = meta.value;
      if (!truth || !state.show_ground_truth.value) return "";
      const [from, to] = truth.offsets.slice(frames[position.value] - origin);
      return outline(payload.value.truth.subarray(2 * from, 2 * to), truth.size);
    }),
  };
  return draw(basis, state);
}
