// Signals derived from the panes and the settings: the view, the time, and what the active pane shows.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { DIVERGING } from "../core/generated.js";
import type { Arrangement, State } from "../core/settings.js";
import type { Heat } from "../heat/maps.js";
import { dynamicThreshold } from "../heat/refine.js";
import type { Host } from "../host/connection.js";
import type { Meta } from "../host/payload.js";
import type { Request } from "../host/requests.js";
import { fitsSideBySide, type Room } from "./arrangement.js";
import type { Panes } from "./panes.js";

/** All views; the first and the last need several panes. */
const VIEWS: readonly Arrangement[] = ["grid", "overlay", "side", "wipe", "difference"];

/** Signals that are derived from the panes and the settings. */
export interface SessionView {
  /** Views for this number of panes. */
  readonly modes: readonly Arrangement[];
  /** The current view; panes of two clips have no difference. */
  readonly mode: ReadonlySignal<Arrangement>;
  /** The room for pictures; the stage measures it. */
  readonly room: Signal<Room>;
  /** Short names of all panes, which state how they differ. */
  readonly names: ReadonlySignal<string[]>;
  /** Short names of the active pane and the next one, which state how these two differ. */
  readonly pairNames: ReadonlySignal<string[]>;
  /** Second of the current frame. */
  readonly time: ReadonlySignal<number>;
  /** Seconds that are played: from and to. */
  readonly playedRange: readonly [number, number];
  /** Whether the heat maps are hidden for a moment. */
  readonly heatHidden: Signal<boolean>;
  // Of the active pane.
  readonly meta: ReadonlySignal<Meta>;
  readonly slice: ReadonlySignal<number>;
  readonly heat: ReadonlySignal<Heat>;
  /** Name of the current colormap. */
  readonly colormap: ReadonlySignal<string>;
  /** Names of the colormaps to choose from. */
  readonly colormaps: string[];
  /** Share of cells that `dynamic_threshold` of methods/postprocess.py hides. */
  readonly autoThreshold: number;
  /** The computation under way, if it is for the active pane. */
  readonly activeRequest: Request | null;
  /** Whether a view can be chosen now. */
  allows(mode: Arrangement): boolean;
  /** Share of the attribution between two seconds; a slice counts by the part that lies between them. */
  shareBetween(start: number, end: number): number;
}

export function deriveView(panes: Panes, state: State, { computation }: Host): SessionView {
  const { all, active, names, index, difference, timeline, position } = panes;
  const modes = all.length > 1 ? VIEWS : VIEWS.slice(1, 4);
  const allows = (mode: Arrangement) => modes.includes(mode) && (mode !== "difference" || difference.value !== null);
  const room = signal<Room>({ width: 640, height: 360 });
  const automatic = (): Arrangement => {
    const [width, height] = all[0].size;
    return all.length > 1 ? "grid" : fitsSideBySide(width / height, room.value) ? "side" : "overlay";
  };
  const mode = computed(() => {
    const { value: view } = state.view;
    return view === "auto" ? automatic() : allows(view) ? view : "overlay";
  });
  const meta = computed(() => active.value.meta.value);
  const heat = computed(() => active.value.heat.value);
  return {
    modes,
    mode,
    room,
    allows,
    names: computed(() => names.value.panes),
    pairNames: computed(() => names.value.pairs[index.value]),
    time: computed(() => timeline.times[position.value]),
    get playedRange() {
      return state.selection.value ?? ([timeline.start, timeline.end] as const);
    },
    heatHidden: signal(false),
    meta,
    slice: computed(() => active.value.slice.value),
    heat,
    colormap: computed(() => (mode.value === "difference" ? DIVERGING : active.value.colormap.value)),
    get colormaps() {
      return meta.value.colors.filter((name) => name !== DIVERGING);
    },
    get autoThreshold() {
      return dynamicThreshold(heat.value.values);
    },
    get activeRequest() {
      const request = computation.running.value?.request;
      return request && (request.pane ?? index.value) === index.value ? request : null;
    },
    shareBetween: (start, end) =>
      active.value.layout.spans.reduce((sum, [from, to], slice) => {
        const inside = Math.min(end, to) - Math.max(start, from);
        return inside > 0 ? sum + (heat.value.temporal[slice] * inside) / (to - from) : sum;
      }, 0),
  };
}
