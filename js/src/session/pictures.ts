// Opens the frames of each pane, and fetches those of long clips from the kernel as they are needed.

import { untracked } from "@preact/signals-core";
import { asUint8 } from "../core/bytes.js";
import { CANCELLED, MAX_FRAMES } from "../core/generated.js";
import { throttled, watch } from "../core/reactive.js";
import { type RemoteStore, RUN_OFFSETS, remoteStore, splitFiles } from "../frames/remote.js";
import { frameStore, type Pictures } from "../frames/store.js";
import type { Rejection, Rpc } from "../host/rpc.js";
import type { Pane } from "./pane.js";

/** Milliseconds between two changes of mind about what is asked for. */
const CHANGE_INTERVAL = 100;

/** What the frames are fetched for, and from where. */
interface Viewer {
  readonly panes: readonly Pane[];
  readonly rpc: Rpc;
  /** Show a short message. */
  readonly notify: (text: string) => void;
  readonly until: AbortSignal;
}

/** Pictures of each pane, decoded a little ahead, and of long clips fetched; `null` where there are none. */
export function openPictures(viewer: Viewer): (Pictures | null)[] {
  const { panes, until } = viewer;
  const stores: (Pictures | null)[] = [];
  const long: RemoteClip[] = [];
  for (const [pane, { payload, layout, complete, timeline, position }] of panes.entries()) {
    const { jpegs } = payload.peek();
    const { pictures, frames } = layout;
    const { first, kept } = frames;
    let store = pictures && stores[panes.findIndex((other) => other.payload.peek().jpegs === jpegs)];
    if (pictures && !store) {
      const { offsets, size } = pictures;
      const files = splitFiles(jpegs, offsets);
      if (complete && kept) {
        const at = kept.map((frame) => frame - first);
        const found = remoteStore(files, at, timeline.count, size);
        long.push({ store: found, pane, first });
        store = found;
      } else store = frameStore((at) => files[at], size);
      const { prepare, close } = store;
      until.addEventListener("abort", close);
      watch(until, () => prepare(position.value));
    }
    stores.push(store);
  }
  if (long[0]) fetchRuns(viewer, long);
  return stores;
}

interface RemoteClip {
  store: RemoteStore;
  pane: number;
  /** Source frame at position 0. */
  first: number;
}

/** Keep asking for the run that is wanted most, one at a time, and for none that was passed. */
function fetchRuns({ panes, rpc, notify, until }: Viewer, long: RemoteClip[]): void {
  let under: { store: RemoteStore; run: number; id: string } | undefined;
  const end = () => {
    const id = under?.id;
    under = undefined;
    if (id) rpc.cancel(id);
  };
  const next = () => {
    const wishes = RUN_OFFSETS.flatMap((_, place) =>
      long.flatMap((one) => {
        const run = one.store.missing(place);
        return run === undefined ? [] : [{ ...one, place, run }];
      }),
    );
    const [wish] = wishes;
    const going = wishes.find(({ store, run }) => store === under?.store && run === under.run);
    if (going && (going === wish || wish.place)) return;
    end();
    if (!wish) return;
    const { store, run, pane, first } = wish;
    const { id, answer } = rpc.request("frames", { first: first + run * MAX_FRAMES, count: MAX_FRAMES, pane });
    const mine = { store, run, id };
    under = mine;
    answer.then(
      ({ result, buffers }) => {
        under = undefined;
        store.put(run, result.offsets as number[], asUint8(buffers[0]));
      },
      ({ failure }: Rejection) => {
        if (under !== mine) return;
        under = undefined;
        if (failure.type === CANCELLED) return;
        store.fail(run);
        notify(failure.message);
        next();
      },
    );
  };
  // A pointer on its way passes many runs a second.
  const soon = throttled(next, CHANGE_INTERVAL, until);
  until.addEventListener("abort", end);
  watch(until, () => {
    for (const { store, pane } of long) {
      store.cachedRuns.value;
      store.prepare(panes[pane].position.value);
    }
    untracked(under ? soon : next);
  });
}
