import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { Clock } from "./clock.js";
import { type Heat, heatOf, mapAt } from "./heat/maps.js";
import { palette } from "./heat/palette.js";
import { dynamicThreshold, quantile } from "./heat/refine.js";
import { outline } from "./heat/truth.js";
import type { Host } from "./host.js";
import type { Film, Meta, Payload } from "./protocol.js";
import type { Overlay } from "./render/composite.js";
import type { State } from "./state.js";

export const RATES = [0.1, 0.25, 0.5, 1, 2, 4];

/** What every part of the player shares: the state, all that follows from it, and the moves one can make. */
export class Session {
  /** The explanation on show; another one of the same film may take its place. */
  readonly payload: Signal<Payload>;
  readonly meta: ReadonlySignal<Meta>;
  /** What stays while explanations change. */
  readonly film: Film;
  readonly host: Host;
  readonly state: State;
  readonly until: AbortSignal;
  readonly clock: Clock;
  /** Position of the frame on show among those that can be shown. */
  readonly position: ReadonlySignal<number>;
  readonly time: ReadonlySignal<number>;
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
  /** Whether the heat is lifted for a moment. */
  readonly raw = signal(false);
  /** Size of the pictures in pixels. */
  readonly size: readonly [number, number];
  /** What the model saw, in pixels of the pictures. */
  readonly box: readonly [number, number, number, number];

  constructor(payload: Payload, state: State, host: Host, until: AbortSignal) {
    const { meta } = payload;
    this.payload = signal(payload);
    this.meta = computed(() => this.payload.value.meta);
    this.film = meta;
    this.host = host;
    this.state = state;
    this.until = until;
    this.clock = new Clock(meta.frames.indices, meta.frames.times, meta.spans, meta.sampled, meta.sampled_times);
    this.size = meta.pictures?.size ?? fit(meta.clip.size, 640);
    const [sx, sy] = [this.size[0] / meta.clip.size[0], this.size[1] / meta.clip.size[1]];
    this.box = [meta.box[0] * sx, meta.box[1] * sy, meta.box[2] * sx, meta.box[3] * sy];
    if (state.frame.value === null) state.frame.value = this.#peakFrame();
    this.position = computed(() => this.clock.of(state.frame.value ?? 0));
    this.time = computed(() => this.clock.times[this.position.value]);
    this.slice = computed(() => this.clock.slices[this.position.value]);
    this.heat = computed(() => heatOf(this.payload.value, state.layer.value, state.head.value));
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
    this.overlay = computed(() => this.#overlay());
    this.outline = computed(() => {
      const { truth } = this.meta.value;
      if (!truth || !state.show_truth.value || this.raw.value) return "";
      const [from, to] = truth.offsets.slice(this.position.value);
      return outline(this.payload.value.truth.subarray(2 * from, 2 * to), truth.size);
    });
  }

  /** Whether the model saw less than the whole frame. */
  get cropped(): boolean {
    const [x0, y0, x1, y1] = this.box;
    return x0 > 0.5 || y0 > 0.5 || x1 < this.size[0] - 0.5 || y1 < this.size[1] - 0.5;
  }

  /** Names of the colour tables to choose from. */
  get tables(): string[] {
    return this.meta.value.colours.filter((name) => name !== "diverging");
  }

  /** Share of cells that the dynamic threshold of refine.py drops here. */
  get autoThreshold(): number {
    return dynamicThreshold(this.heat.value.values);
  }

  /** Tell the user in passing. */
  say(text: string): void {
    this.host.notice.value = { text };
  }

  /** Put another explanation of the same film on show. */
  show(payload: Payload): void {
    const { method, target } = this.meta.peek();
    this.payload.value = payload;
    const { meta } = payload;
    if (meta.method !== method || meta.target !== target) this.say(`${meta.method}: ${meta.labels[meta.target]}`);
  }

  /** Ask for another method; one that knows no classes is not told of any. */
  explain(method: string, target = this.meta.peek().target): void {
    const specific = this.meta.peek().methods.find(({ name }) => name === method)?.class_specific;
    this.host.work.ask(specific ? { method, target } : { method });
  }

  /** The next method in the registry's order, counted from the one that was asked for last. */
  nextMethod(): void {
    const { kernel, work } = this.host;
    const { methods, method } = this.meta.value;
    const at = methods.findIndex(({ name }) => name === (work.running.value?.wish.method ?? method));
    const next = methods[(at + 1) % methods.length]?.name ?? method;
    if (!kernel.computes.value) this.say(kernel.why.value || "Another method needs a notebook");
    else if (next === method) work.cancel();
    else {
      this.explain(next);
      this.say(`Computing ${next}`);
    }
  }

  toggleTruth(): void {
    const { show_truth } = this.state;
    const { truth } = this.meta.value;
    if (truth) show_truth.value = !show_truth.value;
    if (!truth) this.say("What acts in this clip is not known");
    else this.say(show_truth.value ? `Truth: ${truth.label}` : "Truth hidden");
  }

  /** Show the frame without heat, or with it again. */
  lift(raw: boolean): void {
    this.raw.value = raw;
  }

  seek(position: number): void {
    const last = this.clock.count - 1;
    this.state.frame.value = this.clock.frames[Math.min(Math.max(position, 0), last)];
  }

  seekTime(time: number): void {
    this.seek(this.clock.at(time));
  }

  step(by: number): void {
    this.state.playing.value = false;
    this.seek(this.position.value + by);
  }

  stepSampled(direction: 1 | -1): void {
    this.state.playing.value = false;
    this.seek(this.clock.nextSampled(this.position.value, direction));
  }

  togglePlay(): void {
    this.state.playing.value = !this.state.playing.value;
  }

  changeRate(direction: 1 | -1): void {
    const at = RATES.findIndex((rate) => rate >= this.state.rate.value);
    this.state.rate.value = RATES[Math.min(Math.max(at + direction, 0), RATES.length - 1)];
    this.say(`${this.state.rate.value} × speed`);
  }

  /** Move one end of the selection to the frame on show. */
  mark(end: 0 | 1): void {
    const here = end === 0 ? this.time.value : this.clock.until(this.position.value);
    const [from, to] = this.state.selection.value ?? [this.clock.start, this.clock.end];
    this.select(end === 0 ? [here, to > here ? to : this.clock.end] : [from < here ? from : this.clock.start, here]);
  }

  select(range: readonly [number, number] | null): void {
    this.state.selection.value = range && range[1] > range[0] ? range : null;
  }

  /** Seconds that are played. */
  get range(): readonly [number, number] {
    return this.state.selection.value ?? [this.clock.start, this.clock.end];
  }

  /** Share of the attribution that lies between two seconds, slices counted in part where they are cut. */
  shareBetween(start: number, end: number): number {
    return this.film.spans.reduce((sum, [from, to], s) => {
      const inside = Math.max(0, Math.min(end, to) - Math.max(start, from));
      return sum + (to > from ? (this.heat.value.temporal[s] * inside) / (to - from) : 0);
    }, 0);
  }

  #peakFrame(): number {
    const { temporal } = this.payload.peek();
    const slice = temporal.indexOf(Math.max(...temporal));
    const seen = this.film.sampled[slice];
    return this.clock.frames[this.clock.of(seen[seen.length >> 1])];
  }

  #overlay(): Overlay {
    const { state } = this;
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
