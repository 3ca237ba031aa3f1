// Opens the frames of each pane, and fetches those of long clips from the kernel as they are needed.

import { untracked } from "@preact/signals-core";
import { asUint8 } from "../core/bytes.js";
import { CANCELLED, MAX_FRAMES } from "../core/generated.js";
import { throttled, watch } from "../core/reactive.js";
import { type RemoteStore, RUN_OFFSETS, remoteStore, splitFiles } from "../frames/remote.js";
import { frameStore, type Pictures } from "../frames/store.js";
import type { Rejection, Rpc } from "../host/rpc.js";
import type { Pane } from "./pane.js";

/** Milliseconds between two changes of the run that is requested. */
const CHANGE_INTERVAL = 100;

/** The panes that need frames, and where the frames come from. */
interface Viewer {
  readonly panes: readonly Pane[];
  readonly rpc: Rpc;
  /** Show a short message to the user. */
  readonly notify: (text: string) => void;
  readonly until: AbortSignal;
}

/** A long clip whose frames are fetched. */
interface RemoteClip {
  store: RemoteStore;
  /** Index of its pane. */
  pane: number;
  /** Source frame at position 0. */
  first: number;
}

/** Open the pictures of each pane, decoded a little ahead, and fetch those of long clips; `null` if there are none. */
export function openPictures(viewer: Viewer): (Pictures | null)[] {
  const { panes, until } = viewer;
  const stores: (Pictures | null)[] = [];
  const remoteClips: RemoteClip[] = [];
  for (const [index, pane] of panes.entries()) {
    const { payload, layout, complete, timeline, position } = pane;
    const { jpegs } = payload.peek();
    const { pictures, frames } = layout;
    let store = pictures && stores[panes.findIndex((other) => other.payload.peek().jpegs === jpegs)];
    if (pictures && !store) {
      const { offsets, size } = pictures;
      const files = splitFiles(jpegs, offsets);
      if (complete && frames.kept) {
        const previewPositions = frames.kept.map((frame) => frame - frames.first);
        const remote = remoteStore(files, previewPositions, timeline.count, size);
        remoteClips.push({ store: remote, pane: index, first: frames.first });
        store = remote;
      } else store = frameStore((i) => files[i], size);
      const { prepare, close } = store;
      until.addEventListener("abort", close);
      watch(until, () => prepare(position.value));
    }
    stores.push(store);
  }
  if (remoteClips.length) fetchRuns(viewer, remoteClips);
  return stores;
}

/** Request the most urgent run that is missing, one at a time, and cancel requests for runs that were passed. */
function fetchRuns({ panes, rpc, notify, until }: Viewer, clips: RemoteClip[]): void {
  let current: { store: RemoteStore; run: number; id: string } | undefined;
  const cancel = () => {
    const id = current?.id;
    current = undefined;
    if (id) rpc.cancel(id);
  };
  const missingRuns = () =>
    RUN_OFFSETS.flatMap((_, urgency) =>
      clips.flatMap((clip) => {
        const run = clip.store.missing(urgency);
        return run === undefined ? [] : [{ ...clip, urgency, run }];
      }),
    );
  const fetchNext = () => {
    const missing = missingRuns();
    const [mostUrgent] = missing;
    const underWay = missing.find(({ store, run }) => store === current?.store && run === current.run);
    // Only the current run is urgent enough to cancel another one.
    if (underWay && (underWay === mostUrgent || mostUrgent.urgency)) return;
    cancel();
    if (!mostUrgent) return;
    const { store, run, pane, first } = mostUrgent;
    const { id, answer } = rpc.request("frames", { first: first + run * MAX_FRAMES, count: MAX_FRAMES, pane });
    const request = { store, run, id };
    current = request;
    answer.then(
      ({ result, buffers }) => {
        current = undefined;
        store.put(run, result.offsets as number[], asUint8(buffers[0]));
      },
      ({ failure }: Rejection) => {
        if (current !== request) return;
        current = undefined;
        if (failure.type === CANCELLED) return;
        store.fail(run);
        notify(failure.message);
        fetchNext();
      },
    );
  };
  // A pointer dragged along the seek bar passes many runs a second.
  const fetchSoon = throttled(fetchNext, CHANGE_INTERVAL, until);
  until.addEventListener("abort", cancel);
  watch(until, () => {
    for (const { store, pane } of clips) {
      store.cachedRuns.value;
      store.prepare(panes[pane].position.value);
    }
    untracked(current ? fetchSoon : fetchNext);
  });
}
