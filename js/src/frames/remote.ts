// Frames of a long clip: kept frames as previews, all others in runs that are fetched from the kernel.

import { signal } from "@preact/signals-core";
import { MAX_FRAMES } from "../core/generated.js";
import { nearest } from "../core/timeline.js";
import { type File, frameStore, markUsed, type Pictures } from "./store.js";

const MB = 2 ** 20;

/** Runs to have, counted from the one on show in the direction of travel; the most urgent first. */
export const RUN_OFFSETS = [0, 1, 2, -1];

const runOf = (position: number) => Math.floor(position / MAX_FRAMES);

export const splitFiles = (bytes: File, offsets: readonly number[]) =>
  offsets.slice(1).map((end, i) => bytes.subarray(offsets[i], end));

export type RemoteStore = ReturnType<typeof remoteStore>;

/**
 * Every frame of a long clip: those `kept` of it, at rising positions, at once as `posters`, the others in runs as they
 * come. The posters stand in for frames that are not there yet.
 */
export function remoteStore(
  posters: File[],
  kept: readonly number[],
  count: number,
  size: readonly [number, number],
  room = 48 * MB,
) {
  const cachedRuns = signal<readonly number[]>([]);
  const runs = new Map<number, File[]>();
  /** Runs not to ask for again until another one is on show. */
  const failed = new Set<number>();
  const file = (position: number) => runs.get(runOf(position))?.[position % MAX_FRAMES];
  const stand = frameStore((at) => posters[at], size);
  const frames = frameStore(file, size, 64 * MB);
  let at = 0;
  let direction = 1;
  const poster = (position: number) => nearest(kept, position);
  const shownPosition = (position: number) => (file(position) ? position : kept[poster(position)]);
  /** Ask for the picture of a position where it is to be had for now. */
  const from =
    <Act extends "peek" | "load">(act: Act) =>
    (position: number) => {
      cachedRuns.value;
      const found = file(position) ? frames[act](position) : stand[act](poster(position));
      return found as ReturnType<Pictures[Act]>;
    };
  const there = (run: number) => runs.has(run) || failed.has(run);
  return {
    cachedRuns,
    shownPosition,
    peek: from("peek"),
    load: from("load"),
    /** What failed to come will not, so that nothing waits for it. */
    ready: (position: number) => there(runOf(position)) || shownPosition(position) === position,
    prepare(position: number) {
      if (position === at) return;
      direction = Math.sign(position - at);
      if (runOf(position) !== runOf(at)) failed.clear();
      at = position;
      markUsed(runs, runOf(at));
      frames.prepare(at);
    },
    /** The run at this place of `NEAR`, where it is missing. */
    missing(place: number) {
      const run = runOf(at) + RUN_OFFSETS[place] * direction;
      return run < 0 || run * MAX_FRAMES >= count || there(run) ? undefined : run;
    },
    put(run: number, offsets: readonly number[], bytes: File) {
      runs.set(run, splitFiles(bytes, offsets));
      let held = 0;
      for (const [other, files] of [...runs].reverse()) {
        held += files[0]?.buffer.byteLength ?? 0;
        if (held > room && other !== run) runs.delete(other);
      }
      cachedRuns.value = [...runs.keys()];
    },
    fail: (run: number) => failed.add(run),
    close() {
      stand.close();
      frames.close();
    },
  };
}
