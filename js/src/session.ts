import { patchWords } from "./asked.js";
import type { Clock } from "./clock.js";
import { type Difference, differenceOf } from "./difference.js";
import { openPictures } from "./frames/long.js";
import type { Pictures } from "./frames/store.js";
import type { Heat } from "./heat/maps.js";
import { dynamicThreshold } from "./heat/refine.js";
import type { Host } from "./host.js";
import { names } from "./names.js";
import { Pane } from "./pane.js";
import type { Film, Meta, Payload } from "./protocol.js";
import { computed, type ReadonlySignal, signal } from "./signals.js";
import type { State, View } from "./state.js";
import type { Wish } from "./work.js";

export const RATES = [0.1, 0.25, 0.5, 1, 2, 4];

/** Whether frames that these explanations leave out can be had of the kernel now. */
export function canFetch(payloads: readonly Payload[], { kernel }: Host): boolean {
  return payloads.some(({ meta }) => meta.frames.live) && /ready|busy/.test(kernel.state.value);
}

/** What every part of the player shares: the state, the panes, and the moves one can make. */
export class Session {
  readonly panes: readonly Pane[];
  /** The pane that the chart's numbers, the classes, the methods and the colour bar speak of. */
  readonly active: ReadonlySignal<Pane>;
  /** The one that the active pane is compared with: the next, or the first after the last. */
  readonly next: ReadonlySignal<Pane>;
  /** Each pane less the next; `null` where that is itself or of another clip. */
  readonly differences: readonly (Difference | null)[];
  /** That of the active pane. */
  readonly difference: ReadonlySignal<Difference | null>;
  /** What is on show, of the views that these panes allow. */
  readonly view: ReadonlySignal<View>;
  /** Of the panes: what they differ in. */
  readonly names: ReadonlySignal<string[]>;
  readonly host: Host;
  readonly state: State;
  readonly until: AbortSignal;
  /** Whether frames that do not travel with the explanations come from the kernel. */
  readonly fetches: boolean;
  /** Of each pane; `null` where it has none. */
  readonly pictures: readonly (Pictures | null)[];
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
  /** Name of the colour table of what is on show. */
  readonly colours: ReadonlySignal<string>;
  /** Whether the heat is lifted for a moment. */
  readonly raw = signal(false);

  constructor(payloads: readonly Payload[], state: State, host: Host, until: AbortSignal) {
    this.fetches = canFetch(payloads, host);
    const panes: Pane[] = [];
    for (const payload of payloads) panes.push(new Pane(payload, state, this.fetches, panes));
    const [first] = panes;
    this.panes = panes;
    this.host = host;
    this.state = state;
    this.until = until;
    this.pictures = openPictures(this);
    this.film = first.film;
    this.clock = first.clock;
    this.position = first.position;
    this.time = computed(() => this.clock.times[this.position.value]);
    this.active = computed(() => this.panes[state.pane.value] ?? first);
    const after = (pane: Pane) => this.panes[(this.panes.indexOf(pane) + 1) % this.panes.length];
    this.next = computed(() => after(this.active.value));
    this.differences = this.panes.map((pane) => {
      const other = after(pane);
      return pane !== other && pane.position === other.position ? differenceOf(pane, other, state) : null;
    });
    this.difference = computed(() => this.differences[this.panes.indexOf(this.active.value)]);
    this.view = computed(() => (this.views.includes(state.view.value) ? state.view.value : "overlay"));
    this.names = computed(() => names(this.panes.map(({ meta }) => meta.value)));
    this.meta = computed(() => this.active.value.meta.value);
    this.slice = computed(() => this.active.value.slice.value);
    this.heat = computed(() => this.active.value.heat.value);
    this.colours = computed(() => (this.view.value === "difference" ? "diverging" : this.active.value.colours.value));
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
      if (meta.method !== method || meta.target !== target)
        this.say(patchWords(meta) || `${meta.method}: ${meta.labels[meta.target]}`);
    }
  }

  /** Ask for another method; one that knows no classes is not told of any. */
  explain(method: string, target = this.meta.peek().target): void {
    const specific = this.meta.peek().methods.find(({ name }) => name === method)?.class_specific;
    this.ask(specific ? { method, target } : { method });
  }

  /** Ask the kernel for something about the active pane, whichever that will be when it is done. */
  ask(wish: Wish): void {
    const several = this.panes.length > 1;
    this.host.work.ask(several ? { ...wish, pane: this.panes.indexOf(this.active.peek()) } : wish);
  }

  /** The wish under way, if it is about the active pane. */
  get wish(): Wish | null {
    const wish = this.host.work.running.value?.wish;
    return wish && (wish.pane ?? this.panes.indexOf(this.active.value)) === this.panes.indexOf(this.active.value)
      ? wish
      : null;
  }

  /** Make the next pane the active one, or the one before. */
  turn(by: 1 | -1): void {
    const { length } = this.panes;
    this.state.pane.value = (this.panes.indexOf(this.active.peek()) + by + length) % length;
    this.say(this.names.peek()[this.state.pane.peek()]);
  }

  /** The views that these panes allow. */
  get views(): View[] {
    const views: View[] = ["overlay", "side", "wipe"];
    if (this.panes.length > 1) views.unshift("grid");
    return this.difference.value ? [...views, "difference"] : views;
  }

  nextView(): void {
    const { views } = this;
    this.state.view.value = views[(views.indexOf(this.view.peek()) + 1) % views.length];
  }

  /** The next method in the registry's order, counted from the one that was asked for last. */
  nextMethod(): void {
    const { kernel, work } = this.host;
    const { methods, method } = this.meta.value;
    const at = methods.findIndex(({ name }) => name === (this.wish?.method ?? method));
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
