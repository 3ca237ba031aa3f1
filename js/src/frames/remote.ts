// Frames of a long clip: some travel with the explanation as previews, all others are fetched from the kernel in runs.

import { signal } from "@preact/signals-core";
import { MAX_FRAMES } from "../core/generated.js";
import { nearest } from "../core/timeline.js";
import { type File, frameStore, markUsed, type Pictures } from "./store.js";

const MB = 2 ** 20;

/** Runs to have, counted from the current one in the direction of travel; the most urgent first. */
export const RUN_OFFSETS = [0, 1, 2, -1];

const runOf = (position: number) => Math.floor(position / MAX_FRAMES);

/** Split bytes into files that lie one after another, at these offsets. */
export const splitFiles = (bytes: File, offsets: readonly number[]) =>
  offsets.slice(1).map((end, i) => bytes.subarray(offsets[i], end));

export type RemoteStore = ReturnType<typeof remoteStore>;

/**
 * All frames of a long clip. `previews` are files of some frames, at the rising positions `previewPositions`: they are
 * there at once, and stand in for other frames until those are fetched. `memory` is for files, in bytes.
 */
export function remoteStore(
  previews: File[],
  previewPositions: readonly number[],
  count: number,
  size: readonly [number, number],
  memory = 48 * MB,
) {
  const cachedRuns = signal<readonly number[]>([]);
  const runs = new Map<number, File[]>();
  /** Runs that could not be fetched; they are requested again once another run was shown. */
  const failed = new Set<number>();
  const file = (position: number) => runs.get(runOf(position))?.[position % MAX_FRAMES];
  const previewStore = frameStore((i) => previews[i], size);
  const store = frameStore(file, size, 64 * MB);
  let current = 0;
  let direction = 1;
  const previewOf = (position: number) => nearest(previewPositions, position);
  const shownPosition = (position: number) => (file(position) ? position : previewPositions[previewOf(position)]);
  /** Call a method of the store that has a picture for a position now. */
  const either =
    <Name extends "peek" | "load">(name: Name) =>
    (position: number) => {
      cachedRuns.value;
      const picture = file(position) ? store[name](position) : previewStore[name](previewOf(position));
      return picture as ReturnType<Pictures[Name]>;
    };
  const settled = (run: number) => runs.has(run) || failed.has(run);
  return {
    cachedRuns,
    shownPosition,
    peek: either("peek"),
    load: either("load"),
    /** Playback does not wait for runs that failed. */
    ready: (position: number) => settled(runOf(position)) || shownPosition(position) === position,
    prepare(position: number) {
      if (position === current) return;
      direction = Math.sign(position - current);
      if (runOf(position) !== runOf(current)) failed.clear();
      current = position;
      markUsed(runs, runOf(current));
      store.prepare(current);
    },
    /** The run at this index of `RUN_OFFSETS`, if it is missing. */
    missing(urgency: number) {
      const run = runOf(current) + RUN_OFFSETS[urgency] * direction;
      return run < 0 || run * MAX_FRAMES >= count || settled(run) ? undefined : run;
    },
    /** Add a run that was fetched, and drop the ones used longest ago if there is no room. */
    put(run: number, offsets: readonly number[], bytes: File) {
      runs.set(run, splitFiles(bytes, offsets));
      let total = 0;
      for (const [other, files] of [...runs].reverse()) {
        total += files[0]?.buffer.byteLength ?? 0;
        if (total > memory && other !== run) runs.delete(other);
      }
      cachedRuns.value = [...runs.keys()];
    },
    fail: (run: number) => failed.add(run),
    close() {
      previewStore.close();
      store.close();
    },
  };
}
