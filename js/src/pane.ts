import { Clock } from "./clock.js";
import { type Heat, heatOf, mapAt } from "./heat/maps.js";
import { palette } from "./heat/palette.js";
import { quantile } from "./heat/refine.js";
import { outline } from "./heat/truth.js";
import { type Film, type Meta, type Payload, sameClip } from "./protocol.js";
import type { Overlay } from "./render/composite.js";
import { computed, type ReadonlySignal, type Signal, signal } from "./signals.js";
import type { State } from "./state.js";

/** One explanation on show, and all that follows from it at the moment on show. */
export class Pane {
  /** Another explanation of the same film may take its place. */
  readonly payload: Signal<Payload>;
  readonly meta: ReadonlySignal<Meta>;
  /** What stays while explanations change. */
  readonly film: Film;
  readonly clock: Clock;
  /** Position of the frame on show among those of this film. */
  readonly position: ReadonlySignal<number>;
  readonly slice: ReadonlySignal<number>;
  readonly heat: ReadonlySignal<Heat>;
  /** Map `(h, w)` on show. */
  readonly map: ReadonlySignal<Float32Array>;
  /** Value that cells must exceed to be drawn, of the clip's greatest. */
  readonly cut: ReadonlySignal<number>;
  /** Name of the colour table in use: signed maps have 0 in the middle whatever is chosen. */
  readonly colours: ReadonlySignal<string>;
  readonly overlay: ReadonlySignal<Overlay>;
  /** What acts in the frame on show, as a path in pixels of the truth's masks; empty where nothing does. */
  readonly outline: ReadonlySignal<string>;
  /** Size of the pictures in pixels. */
  readonly size: readonly [number, number];
  /** What the model saw, in pixels of the pictures. */
  readonly box: readonly [number, number, number, number];
  /** Whether the model saw less than the whole frame. */
  readonly cropped: boolean;

  /** A pane after the first shows what its own film has at the second that the first one shows. */
  constructor(payload: Payload, state: State, first?: Pane) {
    const { meta } = payload;
    this.payload = signal(payload);
    this.meta = computed(() => this.payload.value.meta);
    this.film = meta;
    this.clock = new Clock(meta.frames.indices, meta.frames.times, meta.spans, meta.sampled, meta.sampled_times);
    this.size = meta.pictures?.size ?? fit(meta.clip.size, 640);
    const [sx, sy] = [this.size[0] / meta.clip.size[0], this.size[1] / meta.clip.size[1]];
    this.box = [meta.box[0] * sx, meta.box[1] * sy, meta.box[2] * sx, meta.box[3] * sy];
    const [x0, y0, x1, y1] = this.box;
    this.cropped = x0 > 0.5 || y0 > 0.5 || x1 < this.size[0] - 0.5 || y1 < this.size[1] - 0.5;
    if (!first) {
      if (state.frame.value === null) state.frame.value = this.#peakFrame();
      this.position = computed(() => this.clock.of(state.frame.value ?? 0));
    } else if (sameClip(first.film, meta)) this.position = first.position;
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
    this.overlay = computed(() => this.#overlay(state));
    this.outline = computed(() => {
      const { truth } = this.meta.value;
      if (!truth || !state.show_truth.value) return "";
      const [from, to] = truth.offsets.slice(this.position.value);
      return outline(this.payload.value.truth.subarray(2 * from, 2 * to), truth.size);
    });
  }

  #peakFrame(): number {
    const { temporal } = this.payload.peek();
    const slice = temporal.indexOf(Math.max(...temporal));
    const seen = this.film.sampled[slice];
    return this.clock.frames[this.clock.of(seen[seen.length >> 1])];
  }

  #overlay(state: State): Overlay {
    const heat = this.heat.value;
    const map = this.map.value;
    const perFrame = state.normalize.value === "frame";
    const top = perFrame ? map.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1 : 1;
    const table = this.payload.value.colours.get(this.colours.value)!;
    const { value: opacity } = state.opacity;
    return {
      map,
      rows: heat.rows,
      columns: heat.columns,
      top,
      signed: heat.signed,
      // The cut stays where it is in the clip, so that scaling a frame does not bring hidden cells back.
      palette: palette({ table, opacity, cut: this.cut.value / top, gamma: state.gamma.value, signed: heat.signed }),
      linear: state.interpolation.value === "linear",
      box: this.box,
      dim: state.dim.value,
    };
  }
}

function fit([width, height]: readonly [number, number], longest: number): [number, number] {
  const factor = Math.min(1, longest / Math.max(width, height));
  return [Math.max(1, Math.round(width * factor)), Math.max(1, Math.round(height * factor))];
}
