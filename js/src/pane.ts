import { Clock } from "./clock.js";
import { type Heat, heatOf, mapAt } from "./heat/maps.js";
import { palette } from "./heat/palette.js";
import { quantile } from "./heat/refine.js";
import { outline } from "./heat/truth.js";
import { type Film, type Meta, type Payload, sameClip } from "./protocol.js";
import type { Overlay } from "./render/composite.js";
import { computed, type ReadonlySignal, type Signal, signal } from "./signals.js";
import type { State } from "./state.js";

/** A map over pictures, as a screen draws it. */
export interface Shown {
  readonly meta: ReadonlySignal<Meta>;
  readonly clock: Clock;
  readonly position: ReadonlySignal<number>;
  readonly heat: ReadonlySignal<Heat>;
  readonly map: ReadonlySignal<Float32Array>;
  readonly cut: ReadonlySignal<number>;
  readonly table: ReadonlySignal<Uint8Array>;
  readonly overlay: ReadonlySignal<Overlay>;
  readonly outline: ReadonlySignal<string>;
  readonly size: readonly [number, number];
  readonly box: readonly [number, number, number, number];
  readonly cropped: boolean;
}

/** How a map is laid over a picture; `reach` is the value that takes the last level. */
export function overlayOf({ heat, map, cut, table, box }: Shown, state: State, reach = 1): Overlay {
  const { rows, columns, signed } = heat.value;
  const perFrame = state.normalize.value === "frame";
  const top = perFrame ? map.value.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || reach : reach;
  return {
    map: map.value,
    rows,
    columns,
    top,
    signed,
    // The cut stays where it is in the clip, so that scaling a frame does not bring hidden cells back.
    palette: palette({
      table: table.value,
      opacity: state.opacity.value,
      cut: cut.value / top,
      gamma: state.gamma.value,
      signed,
    }),
    linear: state.interpolation.value === "linear",
    box,
    dim: state.dim.value,
  };
}

/** One explanation on show, and all that follows from it at the moment on show. */
export class Pane implements Shown {
  /** Another explanation of the same film may take its place. */
  readonly payload: Signal<Payload>;
  readonly meta: ReadonlySignal<Meta>;
  /** What stays while explanations change. */
  readonly film: Film;
  readonly clock: Clock;
  /** Whether every frame of the clip can be shown, not only those that were kept of a long one. */
  readonly whole: boolean;
  /** Position of the frame on show among those of this film; one signal for all panes of a clip. */
  readonly position: ReadonlySignal<number>;
  readonly slice: ReadonlySignal<number>;
  readonly heat: ReadonlySignal<Heat>;
  /** Map `(h, w)` on show. */
  readonly map: ReadonlySignal<Float32Array>;
  /** Value that cells must exceed to be drawn, of the clip's greatest. */
  readonly cut: ReadonlySignal<number>;
  /** Name of the colour table in use: signed maps have 0 in the middle whatever is chosen. */
  readonly colours: ReadonlySignal<string>;
  /** That table, RGB `(256, 3)`. */
  readonly table: ReadonlySignal<Uint8Array>;
  readonly overlay: ReadonlySignal<Overlay>;
  /** What acts in the frame on show, as a path in pixels of the truth's masks; empty where nothing does. */
  readonly outline: ReadonlySignal<string>;
  /** Size of the pictures in pixels. */
  readonly size: readonly [number, number];
  /** What the model saw, in pixels of the pictures. */
  readonly box: readonly [number, number, number, number];
  /** Whether the model saw less than the whole frame. */
  readonly cropped: boolean;

  /**
   * A pane after others shows what its own film has at the second that the first of them shows. `fetched` says whether
   * frames that do not travel with the explanation can be shown.
   */
  constructor(payload: Payload, state: State, fetched: boolean, others: readonly Pane[] = []) {
    const { meta } = payload;
    this.payload = signal(payload);
    this.meta = computed(() => this.payload.value.meta);
    this.film = meta;
    const { first: origin, total, kept, live } = meta.frames;
    const first = others[0] as Pane | undefined;
    const same = others.find(({ film }) => sameClip(film, meta));
    this.whole = !kept || (same ? same.whole : fetched && live);
    const frames = this.whole || !kept ? Array.from({ length: total }, (_, i) => origin + i) : kept;
    const times = frames.map((frame) => payload.times[frame - origin]);
    this.clock = new Clock(frames, times, meta.spans, meta.sampled, meta.sampled_times);
    this.size = meta.pictures?.size ?? fit(meta.clip.size, 640);
    const [sx, sy] = [this.size[0] / meta.clip.size[0], this.size[1] / meta.clip.size[1]];
    this.box = [meta.box[0] * sx, meta.box[1] * sy, meta.box[2] * sx, meta.box[3] * sy];
    const [x0, y0, x1, y1] = this.box;
    this.cropped = x0 > 0.5 || y0 > 0.5 || x1 < this.size[0] - 0.5 || y1 < this.size[1] - 0.5;
    if (!first) {
      if (state.frame.value === null) state.frame.value = this.#peakFrame();
      this.position = computed(() => this.clock.of(state.frame.value ?? 0));
    } else if (same) this.position = same.position;
    else this.position = computed(() => this.clock.at(first.clock.times[first.position.value]));
    this.slice = computed(() => this.clock.slices[this.position.value]);
    this.heat = computed(() => heatOf(this.payload.value, state.layer.value, state.head.value, state.smooth.value));
    this.map = computed(() => {
      const position = this.position.value;
      const blended = state.between.value === "blended";
      return mapAt(this.heat.value, blended ? this.clock.blend(position) : this.clock.held(position));
    });
    this.cut = computed(() =>
      state.threshold.value > 0 ? quantile(this.heat.value.sorted, state.threshold.value) : 0,
    );
    this.colours = computed(() => {
      if (this.heat.value.signed) return "diverging";
      const chosen = state.colormap.value;
      return chosen !== "diverging" && this.payload.value.colours.has(chosen) ? chosen : "inferno";
    });
    this.table = computed(() => this.payload.value.colours.get(this.colours.value)!);
    this.overlay = computed(() => overlayOf(this, state));
    this.outline = computed(() => {
      const { truth } = this.meta.value;
      if (!truth || !state.show_truth.value) return "";
      const [from, to] = truth.offsets.slice(this.clock.frames[this.position.value] - origin);
      return outline(this.payload.value.truth.subarray(2 * from, 2 * to), truth.size);
    });
  }

  #peakFrame(): number {
    const { temporal } = this.payload.peek();
    const slice = temporal.indexOf(Math.max(...temporal));
    const seen = this.film.sampled[slice];
    return this.clock.frames[this.clock.of(seen[seen.length >> 1])];
  }
}

function fit([width, height]: readonly [number, number], longest: number): [number, number] {
  const factor = Math.min(1, longest / Math.max(width, height));
  return [Math.max(1, Math.round(width * factor)), Math.max(1, Math.round(height * factor))];
}
