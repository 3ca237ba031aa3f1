import { effect, type Signal, signal, untracked } from "@preact/signals-core";
import type { Listener, Model } from "./model.js";

export type View = "overlay" | "side" | "wipe" | "difference" | "grid";

/** Everything about the view that a host can read and set. */
export interface Traits {
  /** Source frame on show; the one index that all others follow. `null`: the moment of the greatest attribution. */
  frame: number | null;
  playing: boolean;
  /** Times real speed. */
  rate: number;
  loop: boolean;
  /** Layer whose attention is shown, or -1 for the joint maps. */
  layer: number;
  /** Head of that layer, or -1 for their mean. */
  head: number;
  /** Slice, row and column of the patch whose attention is on show; a host that is told of another computes it. */
  patch: readonly [number, number, number] | null;
  colormap: string;
  opacity: number;
  /** Share of the clip's cells that are hidden, the weakest first. */
  threshold: number;
  gamma: number;
  /** Standard deviation, in slices and patches, of the Gaussian that maps are blurred with; 0 for none. */
  smooth: number;
  normalize: "clip" | "frame";
  interpolation: "nearest" | "linear";
  time_interpolation: "hold" | "linear";
  view: View;
  /** Index of the active pane. */
  pane: number;
  /** Whether to darken what the model did not see. */
  dim_outside: boolean;
  /** Whether to outline what acts and mark when, where that is known. */
  show_ground_truth: boolean;
  /** Seconds from and to. */
  selection: readonly [number, number] | null;
  theme: "auto" | "light" | "dark";
  /** Greatest height of the picture in CSS pixels, or 0 to fit the window. */
  height: number;
}

export const DEFAULTS: Traits = {
  frame: null,
  playing: false,
  rate: 1,
  loop: true,
  layer: -1,
  head: -1,
  patch: null,
  colormap: "inferno",
  opacity: 0.75,
  threshold: 0,
  gamma: 1,
  smooth: 0,
  normalize: "clip",
  interpolation: "linear",
  time_interpolation: "hold",
  view: "overlay",
  pane: 0,
  dim_outside: false,
  show_ground_truth: true,
  selection: null,
  theme: "auto",
  height: 0,
};

export type State = { readonly [K in keyof Traits]: Signal<Traits[K]> };

/** Mirror the host's traits as signals, both ways, until `until` is aborted. */
export function createState(model: Model, until: AbortSignal): State {
  const mirrored = Object.entries(DEFAULTS).map(([name, fallback]) => {
    const read = () => model.get(name) ?? fallback;
    const mirror = signal<unknown>(read());
    const send = () => {
      if (model.get(name) === mirror.peek()) return;
      model.set(name, mirror.peek());
      model.save_changes();
    };
    // A kernel has better things to do than to follow playback.
    const report = name === "frame" ? throttled(send, 100, until) : send;
    watch(until, () => {
      mirror.value;
      untracked(report);
    });
    hear(model, `change:${name}`, until, () => {
      mirror.value = read();
    });
    return [name, mirror];
  });
  return Object.fromEntries(mirrored);
}

/** Call `call` at an event of the host's. */
export function hear(model: Model, event: string, until: AbortSignal, call: Listener): void {
  model.on(event, call);
  until.addEventListener("abort", () => model.off(event, call));
}

/** Run `run` now and whenever a signal that it read changes, until `until` is aborted. */
export function watch(until: AbortSignal, run: () => void): void {
  // An effect would call a returned function as its cleanup.
  const end = effect(() => {
    run();
  });
  until.addEventListener("abort", () => end());
}

/** Call at once, but no more often than every `interval` milliseconds; the last call is never left out. */
export function throttled(call: () => void, interval: number, until: AbortSignal): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = false;
  const run = () => {
    timer = due ? setTimeout(run, interval) : undefined;
    if (!due) return;
    due = false;
    call();
  };
  until.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    due = true;
    if (!timer) run();
  };
}
