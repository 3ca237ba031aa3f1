import type { Clock } from "./clock.js";
import type { Heat } from "./heat/maps.js";
import { dynamicThreshold } from "./heat/refine.js";
import type { Host } from "./host.js";
import { Pane } from "./pane.js";
import type { Film, Meta, Payload } from "./protocol.js";
import { computed, type ReadonlySignal, signal } from "./signals.js";
import type { State } from "./state.js";

export const RATES = [0.1, 0.25, 0.5, 1, 2, 4];

/** What every part of the player shares: the state, the panes, and the moves one can make. */
export class Session {
  readonly panes: readonly Pane[];
  /** The pane that the chart's numbers, the classes, the methods and the colour bar speak of. */
  readonly active: ReadonlySignal<Pane>;
  readonly host: Host;
  readonly state: State;
  readonly until: AbortSignal;
  /** Of the first pane; all others follow. */
  readonly film: Film;
  readonly clock: Clock;
  /** Position of the frame on show among those that can be shown. */
  readonly position: ReadonlySignal<number>;
  readonly time: ReadonlySignal<number>;
  // Of the active pane.
  readonly meta: ReadonlySignal<Meta>;
  readonly slice: ReadonlySignal<number>;
  readonly heat: ReadonlySignal<Heat>;
  readonly colours: ReadonlySignal<string>;
  /** Whether the heat is lifted for a moment. */
  readonly raw = signal(false);

  constructor(payloads: readonly Payload[], state: State, host: Host, until: AbortSignal) {
    const first = new Pane(payloads[0], state);
    this.panes = [first, ...payloads.slice(1).map((payload) => new Pane(payload, state, first))];
    this.host = host;
    this.state = state;
    this.until = until;
    this.film = first.film;
    this.clock = first.clock;
    this.position = first.position;
    this.time = computed(() => this.clock.times[this.position.value]);
    this.active = computed(() => this.panes[state.pane.value] ?? first);
    this.meta = computed(() => this.active.value.meta.value);
    this.slice = computed(() => this.active.value.slice.value);
    this.heat = computed(() => this.active.value.heat.value);
    this.colours = computed(() => this.active.value.colours.value);
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

  /** Put other explanations of the same films on show. */
  show(payloads: readonly Payload[]): void {
    for (const [i, pane] of this.panes.entries()) {
      const { method, target } = pane.meta.peek();
      const { meta } = payloads[i];
      pane.payload.value = payloads[i];
      if (meta.method !== method || meta.target !== target) this.say(`${meta.method}: ${meta.labels[meta.target]}`);
    }
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
    const { film, heat } = this.active.value;
    return film.spans.reduce((sum, [from, to], s) => {
      const inside = Math.max(0, Math.min(end, to) - Math.max(start, from));
      return sum + (to > from ? (heat.value.temporal[s] * inside) / (to - from) : 0);
    }, 0);
  }
}
