// Frames as JPEG files, decoded on demand; the pictures that were used last are kept in memory.

import type { ReadonlySignal } from "@preact/signals-core";

/** Bytes of decoded pictures to keep: about 100 at 640 × 360. */
const BUDGET = 96 * 2 ** 20;

export type File = Uint8Array<ArrayBuffer>;

/** The pictures of a pane by position. */
export interface Pictures {
  /** What to draw at a position, if it is decoded. */
  peek(position: number): ImageBitmap | undefined;
  /** Decode what is to be drawn at a position. */
  load(position: number): Promise<ImageBitmap>;
  /** The position whose picture is drawn at a position for now. */
  shownPosition(position: number): number;
  /** Whether playback may go on to a position. */
  ready(position: number): boolean;
  /** Make ready for what comes after a position. */
  prepare(position: number): void;
  close(): void;
  /** Runs of a long clip that are there; a signal, so that what was drawn before is drawn anew. */
  readonly cachedRuns?: ReadonlySignal<readonly number[]>;
}

/** What is kept under a key; it becomes the one that was used last. */
export function markUsed<T>(kept: Map<number, T>, key: number): T | undefined {
  const value = kept.get(key);
  if (value && kept.delete(key)) kept.set(key, value);
  return value;
}

/** JPEG files, by position where they are there, decoded on demand; the pictures used last are kept. */
export function frameStore(
  file: (position: number) => File | undefined,
  [width, height]: readonly [number, number],
  budget = BUDGET,
): Pictures {
  let room = Math.max(8, budget / (4 * width * height));
  const kept = new Map<number, ImageBitmap>();
  const coming = new Map<number, Promise<ImageBitmap>>();
  const trim = () => {
    for (const [oldest, old] of kept) {
      if (kept.size <= room) break;
      kept.delete(oldest);
      old.close();
    }
  };
  const decode = async (position: number) => {
    const picture = await createImageBitmap(new Blob([file(position)!], { type: "image/jpeg" }));
    kept.set(position, picture);
    trim();
    return picture;
  };
  const store: Pictures = {
    peek: (position) => markUsed(kept, position),
    shownPosition: (position) => position,
    ready: () => true,
    prepare(position) {
      for (let ahead = position + 1; ahead <= position + 6; ahead++) {
        if (file(ahead)) store.load(ahead).catch(() => {});
      }
    },
    async load(position) {
      const picture = store.peek(position) ?? coming.get(position);
      if (picture) return picture;
      const decoding = decode(position).finally(() => coming.delete(position));
      coming.set(position, decoding);
      return decoding;
    },
    close() {
      room = 0;
      trim();
    },
  };
  return store;
}
