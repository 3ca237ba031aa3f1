import { asUint8 } from "../bytes.js";
import { nearest } from "../clock.js";
import { CANCELLED, type Refusal } from "../rpc.js";
import type { Session } from "../session.js";
import { signal, untracked } from "../signals.js";
import { throttled, watch } from "../state.js";
import { FrameStore, type Pictures } from "./store.js";

/** Frames that are asked for at once; `RUN` of pictures.py is its twin. */
export const RUN = 32;

const MB = 2 ** 20;

/** Milliseconds between two changes of mind about what is asked for. */
const PACE = 100;

/** Runs to have, counted from the one on show in the direction of travel; the most urgent first. */
const NEAR = [0, 1, 2, -1];

/**
 * Every frame of a long clip: those kept of it at once, as posters, the others in runs as they come. The posters stand
 * in for frames that are not there yet.
 */
export class LongStore implements Pictures {
  /** Runs that are there; a signal, so that what was drawn before is drawn anew. */
  readonly cached = signal<readonly number[]>([]);
  readonly #posters: FrameStore;
  /** Position of each poster, rising. */
  readonly #kept: readonly number[];
  readonly #count: number;
  readonly #frames: FrameStore;
  readonly #runs = new Map<number, Uint8Array<ArrayBuffer>[]>();
  /** Runs not to ask for again until another one is on show. */
  readonly #failed = new Set<number>();
  readonly #room: number;
  #at = 0;
  #direction = 1;

  constructor(
    posters: FrameStore,
    kept: readonly number[],
    count: number,
    size: readonly [number, number],
    room = 48 * MB,
  ) {
    this.#posters = posters;
    this.#kept = kept;
    this.#count = count;
    this.#room = room;
    this.#frames = new FrameStore((at) => this.#runs.get(Math.floor(at / RUN))?.[at % RUN], size, 64 * MB);
  }

  /** Where the picture of a position is to be had for now. */
  #from(position: number): readonly [FrameStore, number] {
    const poster = nearest(this.#kept, position);
    const own = this.#kept[poster] !== position && this.#frames.file(position);
    return own ? [this.#frames, position] : [this.#posters, poster];
  }

  peek(position: number): ImageBitmap | undefined {
    this.cached.value;
    const [store, at] = this.#from(position);
    return store.peek(at);
  }

  load(position: number): Promise<ImageBitmap> {
    const [store, at] = this.#from(position);
    return store.load(at);
  }

  shown(position: number): number {
    const [store, at] = this.#from(position);
    return store === this.#frames ? at : this.#kept[at];
  }

  /** What failed to come will not, so that nothing waits for it. */
  ready(position: number): boolean {
    const run = Math.floor(position / RUN);
    return this.#runs.has(run) || this.#failed.has(run) || this.shown(position) === position;
  }

  prepare(position: number): void {
    if (position === this.#at) return;
    this.#direction = position < this.#at ? -1 : 1;
    const run = Math.floor(position / RUN);
    if (run !== Math.floor(this.#at / RUN)) this.#failed.clear();
    this.#at = position;
    const files = this.#runs.get(run);
    if (files) {
      this.#runs.delete(run);
      this.#runs.set(run, files);
    }
    this.#frames.prepare(position);
  }

  /** The run at this place of `NEAR`, where it is missing. */
  missing(place: number): number | undefined {
    const run = Math.floor(this.#at / RUN) + NEAR[place] * this.#direction;
    const there = run < 0 || run * RUN >= this.#count || this.#runs.has(run) || this.#failed.has(run);
    return there ? undefined : run;
  }

  put(run: number, offsets: readonly number[], bytes: Uint8Array<ArrayBuffer>): void {
    const files = offsets.slice(1).map((end, i) => bytes.subarray(offsets[i], end));
    this.#runs.set(run, files);
    let held = 0;
    for (const [other, { length }] of [...this.#runs].reverse()) {
      held += length && this.#runs.get(other)![0].buffer.byteLength;
      if (held > this.#room && other !== run) this.#runs.delete(other);
    }
    this.cached.value = [...this.#runs.keys()];
  }

  fail(run: number): void {
    this.#failed.add(run);
  }

  close(): void {
    this.#posters.close();
    this.#frames.close();
  }
}

/** Pictures of each pane, decoded a little ahead, and of long clips fetched; `null` where there are none. */
export function openPictures(session: Session): (Pictures | null)[] {
  const { panes, until } = session;
  const stores: (Pictures | null)[] = [];
  const long: Long[] = [];
  for (const [i, { payload, film, whole, clock, position }] of panes.entries()) {
    const { jpegs } = payload.peek();
    const same = panes.findIndex((pane) => pane.payload.peek().jpegs === jpegs);
    const { pictures, frames } = film;
    if (same < i || !pictures) {
      stores.push(pictures && stores[same]);
      continue;
    }
    const { offsets, size } = pictures;
    const posters = new FrameStore(
      (at) => (at + 1 < offsets.length ? jpegs.subarray(offsets[at], offsets[at + 1]) : undefined),
      size,
    );
    let store: Pictures = posters;
    if (whole && frames.kept) {
      const kept = frames.kept.map((frame) => frame - frames.first);
      store = new LongStore(posters, kept, clock.count, size);
      long.push({ store: store as LongStore, pane: i, first: frames.first });
    }
    stores.push(store);
    until.addEventListener("abort", () => store.close());
    watch(until, () => store.prepare(position.value));
  }
  if (long.length) fetchRuns(session, long);
  return stores;
}

interface Long {
  store: LongStore;
  pane: number;
  /** Source frame at position 0. */
  first: number;
}

/** Keep asking for the run that is wanted most, one at a time, and for none that was passed. */
function fetchRuns(session: Session, long: Long[]): void {
  const { host, panes, until } = session;
  let under: { store: LongStore; run: number; id: string } | null = null;
  const end = () => {
    const id = under?.id;
    under = null;
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
    if (going && (going.place === 0 || wish.place > 0)) return;
    end();
    if (!wish) return;
    const { store, run, pane } = wish;
    const { id, answer } = host.rpc.request("frames", { first: wish.first + run * RUN, count: RUN, pane });
    const mine = { store, run, id };
    under = mine;
    answer.then(
      ({ result, buffers }) => {
        if (under === mine) under = null;
        store.put(run, result.offsets as number[], asUint8(buffers[0]));
      },
      ({ failure }: Refusal) => {
        if (under !== mine) return;
        under = null;
        if (failure.type === CANCELLED) return;
        store.fail(run);
        session.say(failure.message);
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
