import { signal, untracked } from "@preact/signals-core";
import { asUint8 } from "../bytes.js";
import { nearest } from "../clock.js";
import { CANCELLED, type Refusal } from "../rpc.js";
import type { Session } from "../session.js";
import { throttled, watch } from "../state.js";
import { type File, frameStore, type Pictures, use } from "./store.js";

/** Frames that are asked for at once; `MAX_FRAMES` of widget/frame_requests.py is its twin. */
export const RUN = 32;

const MB = 2 ** 20;

/** Milliseconds between two changes of mind about what is asked for. */
const PACE = 100;

/** Runs to have, counted from the one on show in the direction of travel; the most urgent first. */
const NEAR = [0, 1, 2, -1];

const runOf = (position: number) => Math.floor(position / RUN);

const cut = (bytes: File, offsets: readonly number[]) =>
  offsets.slice(1).map((end, i) => bytes.subarray(offsets[i], end));

export type LongStore = ReturnType<typeof longStore>;

/**
 * Every frame of a long clip: those `kept` of it, at rising positions, at once as `posters`, the others in runs as they
 * come. The posters stand in for frames that are not there yet.
 */
export function longStore(
  posters: File[],
  kept: readonly number[],
  count: number,
  size: readonly [number, number],
  room = 48 * MB,
) {
  const cached = signal<readonly number[]>([]);
  const runs = new Map<number, File[]>();
  /** Runs not to ask for again until another one is on show. */
  const failed = new Set<number>();
  const file = (position: number) => runs.get(runOf(position))?.[position % RUN];
  const stand = frameStore((at) => posters[at], size);
  const frames = frameStore(file, size, 64 * MB);
  let at = 0;
  let direction = 1;
  const poster = (position: number) => nearest(kept, position);
  const shown = (position: number) => (file(position) ? position : kept[poster(position)]);
  /** Ask for the picture of a position where it is to be had for now. */
  const from =
    <Act extends "peek" | "load">(act: Act) =>
    (position: number) => {
      cached.value;
      const found = file(position) ? frames[act](position) : stand[act](poster(position));
      return found as ReturnType<Pictures[Act]>;
    };
  const there = (run: number) => runs.has(run) || failed.has(run);
  return {
    cached,
    shown,
    peek: from("peek"),
    load: from("load"),
    /** What failed to come will not, so that nothing waits for it. */
    ready: (position: number) => there(runOf(position)) || shown(position) === position,
    prepare(position: number) {
      if (position === at) return;
      direction = Math.sign(position - at);
      if (runOf(position) !== runOf(at)) failed.clear();
      at = position;
      use(runs, runOf(at));
      frames.prepare(at);
    },
    /** The run at this place of `NEAR`, where it is missing. */
    missing(place: number) {
      const run = runOf(at) + NEAR[place] * direction;
      return run < 0 || run * RUN >= count || there(run) ? undefined : run;
    },
    put(run: number, offsets: readonly number[], bytes: File) {
      runs.set(run, cut(bytes, offsets));
      let held = 0;
      for (const [other, files] of [...runs].reverse()) {
        held += files[0]?.buffer.byteLength ?? 0;
        if (held > room && other !== run) runs.delete(other);
      }
      cached.value = [...runs.keys()];
    },
    fail: (run: number) => failed.add(run),
    close() {
      stand.close();
      frames.close();
    },
  };
}

/** Pictures of each pane, decoded a little ahead, and of long clips fetched; `null` where there are none. */
export function openPictures(session: Session): (Pictures | null)[] {
  const { panes, until } = session;
  const stores: (Pictures | null)[] = [];
  const long: Long[] = [];
  for (const [pane, { payload, film, whole, clock, position }] of panes.entries()) {
    const { jpegs } = payload.peek();
    const { pictures, frames } = film;
    const { first, kept } = frames;
    let store = pictures && stores[panes.findIndex((other) => other.payload.peek().jpegs === jpegs)];
    if (pictures && !store) {
      const { offsets, size } = pictures;
      const files = cut(jpegs, offsets);
      if (whole && kept) {
        const at = kept.map((frame) => frame - first);
        const found = longStore(files, at, clock.count, size);
        long.push({ store: found, pane, first });
        store = found;
      } else store = frameStore((at) => files[at], size);
      const { prepare, close } = store;
      until.addEventListener("abort", close);
      watch(until, () => prepare(position.value));
    }
    stores.push(store);
  }
  if (long[0]) fetchRuns(session, long);
  return stores;
}

interface Long {
  store: LongStore;
  pane: number;
  /** Source frame at position 0. */
  first: number;
}

/** Keep asking for the run that is wanted most, one at a time, and for none that was passed. */
function fetchRuns({ host, panes, say, until }: Session, long: Long[]): void {
  let under: { store: LongStore; run: number; id: string } | undefined;
  const end = () => {
    const id = under?.id;
    under = undefined;
    if (id) host.rpc.cancel(id);
  };
  const next = () => {
    const wishes = NEAR.flatMap((_, place) =>
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
    const { id, answer } = host.rpc.request("frames", { first: first + run * RUN, count: RUN, pane });
    const mine = { store, run, id };
    under = mine;
    answer.then(
      ({ result, buffers }) => {
        under = undefined;
        store.put(run, result.offsets as number[], asUint8(buffers[0]));
      },
      ({ failure }: Refusal) => {
        if (under !== mine) return;
        under = undefined;
        if (failure.type === CANCELLED) return;
        store.fail(run);
        say(failure.message);
        next();
      },
    );
  };
  // A pointer on its way passes many runs a second.
  const soon = throttled(next, PACE, until);
  until.addEventListener("abort", end);
  watch(until, () => {
    for (const { store, pane } of long) {
      store.cached.value;
      store.prepare(panes[pane].position.value);
    }
    untracked(under ? soon : next);
  });
}
