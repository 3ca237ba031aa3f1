// The session: panes, derived signals and actions that all parts of the player share.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { DIVERGING } from "../core/generated.js";
import type { State, View } from "../core/settings.js";
import { type Clock, clamp } from "../core/timeline.js";
import type { Pictures } from "../frames/store.js";
import type { Heat } from "../heat/maps.js";
import { dynamicThreshold } from "../heat/refine.js";
import type { Host } from "../host/connection.js";
import { type Film, type Meta, type Payload, sameFilm } from "../host/payload.js";
import type { Wish } from "../host/requests.js";
import { differenceOf } from "./difference.js";
import { names } from "./names.js";
import { type Pane, paneOf, type Shown } from "./pane.js";
import { patchWords } from "./patch.js";
import { openPictures } from "./pictures.js";

export const RATES = [0.1, 0.25, 0.5, 1, 2, 4];

/** The first and the last are of several panes. */
const VIEWS: readonly View[] = ["grid", "overlay", "side", "wipe", "difference"];

/** What every part of the player shares: the state, the panes, and the moves one can make. */
export interface Session {
  readonly panes: readonly Pane[];
  /** The pane that the chart's numbers, the classes, the methods and the colour bar speak of. */
  readonly active: ReadonlySignal<Pane>;
  /** The one that the active pane is compared with: the next, or the first after the last. */
  readonly next: ReadonlySignal<Pane>;
  /** Each pane less the next; `null` where that is itself or of another clip. */
  readonly differences: readonly (Shown | null)[];
  /** That of the active pane. */
  readonly difference: ReadonlySignal<Shown | null>;
  /** Views for as many panes. */
  readonly views: readonly View[];
  /** What is on show: of two clips there is no difference. */
  readonly view: ReadonlySignal<View>;
  /** Of the panes: what they differ in. */
  readonly names: ReadonlySignal<string[]>;
  /** Of the active pane and the next: what these two differ in. */
  readonly pair: ReadonlySignal<string[]>;
  readonly host: Host;
  readonly state: State;
  readonly until: AbortSignal;
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
  readonly raw: Signal<boolean>;
  /** Names of the colour tables to choose from. */
  readonly tables: string[];
  /** Share of cells that the dynamic threshold of methods/postprocess.py drops here. */
  readonly autoThreshold: number;
  /** The wish under way, if it is about the active pane. */
  readonly wish: Wish | null;
  /** Seconds that are played. */
  readonly range: readonly [number, number];
  /** Whether frames that came from the kernel no longer do, or others could now. */
  stale(): boolean;
  /** Put other explanations on show, if they are of the same films. */
  show(payloads: readonly Payload[]): boolean;
  /** Tell the user in passing. */
  say(text: string): void;
  /** Ask for another method; one that knows no classes is not told of any. */
  explain(method: string, target?: number): void;
  /** Ask the kernel for something about the active pane, whichever that will be when it is done. */
  ask(wish: Wish): void;
  /** Make the next pane the active one, or the one before. */
  turn(by: 1 | -1): void;
  nextView(): void;
  /** The next method in the registry's order, counted from the one that was asked for last. */
  nextMethod(): void;
  toggleTruth(): void;
  /** Show the frame without heat, or with it again. */
  lift(raw: boolean): void;
  seek(position: number): void;
  seekTime(time: number): void;
  step(by: number): void;
  stepSampled(direction: 1 | -1): void;
  togglePlay(): void;
  changeRate(direction: 1 | -1): void;
  /** Move one end of the selection to the frame on show. */
  mark(end: 0 | 1): void;
  select(range: readonly [number, number] | null): void;
  /** Share of the attribution that lies between two seconds, slices counted in part where they are cut. */
  shareBetween(start: number, end: number): number;
}

export function openSession(given: readonly Payload[], state: State, host: Host, until: AbortSignal): Session {
  const { kernel, work, notice } = host;
  const canFetch = () => given.some(({ meta }) => meta.frames.live) && /ready|busy/.test(kernel.state.value);
  const fetches = canFetch();
  const panes: Pane[] = [];
  for (const payload of given) panes.push(paneOf(payload, state, fetches, panes));
  const { length } = panes;
  const { film, clock, position } = panes[0];
  const at = computed(() => (panes[state.pane.value] ? state.pane.value : 0));
  const active = computed(() => panes[at.value]);
  const next = computed(() => panes[(at.value + 1) % length]);
  const meta = computed(() => active.value.meta.value);
  const heat = computed(() => active.value.heat.value);
  const time = computed(() => clock.times[position.value]);
  const differences = panes.map((pane, i) => {
    const other = panes[(i + 1) % length];
    return pane !== other && pane.position === other.position ? differenceOf(pane, other, state) : null;
  });
  const difference = computed(() => differences[at.value]);
  const views = length > 1 ? VIEWS : VIEWS.slice(1, 4);
  const allowed = (view: View) => views.includes(view) && (view !== "difference" || difference.value);
  const view = computed(() => (allowed(state.view.value) ? state.view.value : "overlay"));
  const named = (some: readonly Pane[]) => names(some.map((pane) => pane.meta.value));
  const pictures: (Pictures | null)[] = [];

  const say = (text: string) => {
    notice.value = { text };
  };
  const seek = (to: number) => {
    state.frame.value = clock.frames[clamp(to, 0, clock.count - 1)];
  };
  const halt = (to: number) => {
    state.playing.value = false;
    seek(to);
  };
  const session: Session = {
    panes,
    active,
    next,
    differences,
    difference,
    views,
    view,
    names: computed(() => named(panes)),
    pair: computed(() => named([active.value, next.value])),
    host,
    state,
    until,
    pictures,
    film,
    clock,
    position,
    time,
    meta,
    slice: computed(() => active.value.slice.value),
    heat,
    colours: computed(() => (view.value === "difference" ? DIVERGING : active.value.colours.value)),
    raw: signal(false),
    get tables() {
      return meta.value.colors.filter((name) => name !== DIVERGING);
    },
    get autoThreshold() {
      return dynamicThreshold(heat.value.values);
    },
    get wish() {
      const wish = work.running.value?.wish;
      return wish && (wish.pane ?? at.value) === at.value ? wish : null;
    },
    get range() {
      return state.selection.value ?? [clock.start, clock.end];
    },
    stale: () => fetches !== canFetch(),
    show(payloads) {
      const same = payloads.length === length && panes.every((pane, i) => sameFilm(pane.film, payloads[i].meta));
      if (!same || session.stale()) return false;
      for (const [i, pane] of panes.entries()) {
        const before = pane.meta.peek();
        const { meta } = payloads[i];
        pane.payload.value = payloads[i];
        if (meta.method !== before.method || meta.target !== before.target)
          say(patchWords(meta) || `${meta.method}: ${meta.labels[meta.target]}`);
      }
      return true;
    },
    say,
    explain(method, target = meta.peek().target) {
      const specific = meta.peek().methods.find(({ name }) => name === method)?.class_specific;
      session.ask(specific ? { method, target } : { method });
    },
    ask: (wish) => work.ask(length > 1 ? { ...wish, pane: at.peek() } : wish),
    turn(by) {
      state.pane.value = (at.peek() + by + length) % length;
      say(session.names.peek()[at.peek()]);
    },
    nextView() {
      const some = views.filter(allowed);
      state.view.value = some[(some.indexOf(view.value) + 1) % some.length];
    },
    nextMethod() {
      const { methods, method } = meta.value;
      const last = methods.findIndex(({ name }) => name === (session.wish?.method ?? method));
      const next = methods[(last + 1) % methods.length]?.name ?? method;
      if (!kernel.computes.value) say(kernel.why.value || "This needs a notebook");
      else if (next === method) work.cancel();
      else {
        session.explain(next);
        say(`Computing ${next}`);
      }
    },
    toggleTruth() {
      const { show_ground_truth: shown } = state;
      const { ground_truth: truth } = meta.value;
      if (truth) shown.value = !shown.value;
      say(!truth ? "What acts is not known" : shown.value ? `Truth: ${truth.label}` : "Truth hidden");
    },
    lift(raw) {
      session.raw.value = raw;
    },
    seek,
    seekTime: (second) => seek(clock.at(second)),
    step: (by) => halt(position.value + by),
    stepSampled: (direction) => halt(clock.nextSampled(position.value, direction)),
    togglePlay() {
      state.playing.value = !state.playing.value;
    },
    changeRate(direction) {
      const now = RATES.findIndex((rate) => rate >= state.rate.value);
      state.rate.value = RATES[clamp(now + direction, 0, RATES.length - 1)];
      say(`${state.rate.value} × speed`);
    },
    mark(end) {
      const here = end ? clock.until(position.value) : time.value;
      const [from, to] = session.range;
      session.select(end ? [from < here ? from : clock.start, here] : [here, to > here ? to : clock.end]);
    },
    select(range) {
      state.selection.value = range && range[1] > range[0] ? range : null;
    },
    shareBetween: (start, end) =>
      active.value.film.spans.reduce((sum, [from, to], s) => {
        const inside = Math.min(end, to) - Math.max(start, from);
        return inside > 0 ? sum + (heat.value.temporal[s] * inside) / (to - from) : sum;
      }, 0),
  };
  pictures.push(...openPictures({ panes, rpc: host.rpc, notify: say, until }));
  return session;
}
