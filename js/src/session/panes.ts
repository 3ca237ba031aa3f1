// The panes of a session: the explanations shown, which of them is active, and the frames that they show.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type { State } from "../core/settings.js";
import { readable } from "../core/text.js";
import type { Timeline } from "../core/timeline.js";
import type { Pictures } from "../frames/store.js";
import type { Host } from "../host/connection.js";
import { type ClipLayout, type Meta, type Payload, sameLayout, targetName } from "../host/payload.js";
import { differenceOf } from "./difference.js";
import { createPane, type HeatPicture, type Pane } from "./pane.js";
import { describePatch } from "./patch.js";
import { rememberPayload } from "./patch_actions.js";
import { openPictures } from "./pictures.js";

/** The explanations shown. */
export interface Panes {
  readonly all: readonly Pane[];
  /** Index of the active pane. */
  readonly index: ReadonlySignal<number>;
  /** The pane that the chart, the classes, the methods and the color bar are about. */
  readonly active: ReadonlySignal<Pane>;
  /** The pane that the active one is compared with: the next one, or the first after the last. */
  readonly next: ReadonlySignal<Pane>;
  /** For each pane, its difference from the next one; `null` if there is no other pane of the same clip there. */
  readonly differences: readonly (HeatPicture | null)[];
  /** The difference of the active pane. */
  readonly difference: ReadonlySignal<HeatPicture | null>;
  /** Names of the panes, made by Python. */
  readonly names: Signal<Meta["names"]>;
  /** The frames of each pane; `null` if it has none. */
  readonly pictures: readonly (Pictures | null)[];
  /** Layout of the first pane's clip, which all others follow. */
  readonly layout: ClipLayout;
  readonly timeline: Timeline;
  /** Position of the current frame on that timeline. */
  readonly position: ReadonlySignal<number>;
  /** Whether the session must be opened anew, because frames from the kernel became available or unavailable. */
  outdated(): boolean;
  /** Show other explanations, if their clips have the same layouts; return whether that was done. */
  replace(payloads: readonly Payload[]): boolean;
}

/** Open a pane for each payload. */
export function openPanes(payloads: readonly Payload[], state: State, host: Host, until: AbortSignal): Panes {
  const { kernel, rpc, notify } = host;
  const canFetch = () => payloads.some(({ meta }) => meta.frames.live) && /ready|busy/.test(kernel.state.value);
  const fetches = canFetch();
  const all: Pane[] = [];
  for (const payload of payloads) all.push(createPane(payload, state, fetches, all));
  for (const pane of all) rememberPayload(pane, until);
  const { layout, timeline, position } = all[0];
  const index = computed(() => (all[state.pane.value] ? state.pane.value : 0));
  const differences = all.map((pane, i) => {
    const other = all[(i + 1) % all.length];
    return pane !== other && pane.position === other.position ? differenceOf(pane, other, state) : null;
  });
  const names = signal(payloads[0].meta.names);
  const outdated = () => fetches !== canFetch();
  return {
    all,
    index,
    active: computed(() => all[index.value]),
    next: computed(() => all[(index.value + 1) % all.length]),
    differences,
    difference: computed(() => differences[index.value]),
    names,
    pictures: openPictures({ panes: all, rpc, notify, until }),
    layout,
    timeline,
    position,
    outdated,
    replace(payloads) {
      const same = payloads.length === all.length && all.every((pane, i) => sameLayout(pane.layout, payloads[i].meta));
      if (!same || outdated()) return false;
      names.value = payloads[0].meta.names;
      for (const [i, pane] of all.entries()) {
        const before = pane.meta.peek();
        const { meta } = payloads[i];
        pane.payload.value = payloads[i];
        if (meta.method !== before.method || targetName(meta) !== targetName(before))
          notify(describePatch(meta) || `${meta.method_title}: ${readable(targetName(meta))}`);
      }
      return true;
    },
  };
}
