// The settings of the player and their defaults; each is a trait of the Python widget and a signal here.

import type { Signal } from "@preact/signals-core";

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
