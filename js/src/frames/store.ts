// Frames as JPEG files, decoded on demand; the pictures that were used last stay in memory.

import type { ReadonlySignal } from "@preact/signals-core";

/** Bytes of decoded pictures to hold in memory: about 100 pictures of 640 × 360. */
const MEMORY = 96 * 2 ** 20;

/** Pictures to decode ahead of the current one. */
const AHEAD = 6;

export type File = Uint8Array<ArrayBuffer>;

/** The pictures of a pane by position. */
export interface Pictures {
  /** The picture to draw at a position, if it is decoded. */
  peek(position: number): ImageBitmap | undefined;
  /** Decode the picture to draw at a position. */
  load(position: number): Promise<ImageBitmap>;
  /** The position whose picture is drawn at a position for now. */
  shownPosition(position: number): number;
  /** Whether playback may go on to a position. */
  ready(position: number): boolean;
  /** Decode ahead of a position. */
  prepare(position: number): void;
  close(): void;
  /** Runs of a long clip that were fetched; a signal, so that their frames are drawn again. */
  readonly cachedRuns?: ReadonlySignal<readonly number[]>;
}

/** Return the value of a key, and move it to the end of the map, as the one that was used last. */
export function markUsed<T>(map: Map<number, T>, key: number): T | undefined {
  const value = map.get(key);
  if (value && map.delete(key)) map.set(key, value);
  return value;
}

/** Decode JPEG files on demand; `file` returns the one of a position, if there is one. */
export function frameStore(
  file: (position: number) => File | undefined,
  [width, height]: readonly [number, number],
  memory = MEMORY,
): Pictures {
  let capacity = Math.max(8, memory / (4 * width * height));
  const decoded = new Map<number, ImageBitmap>();
  const decoding = new Map<number, Promise<ImageBitmap>>();
  const trim = () => {
    for (const [position, picture] of decoded) {
      if (decoded.size <= capacity) break;
      decoded.delete(position);
      picture.close();
    }
  };
  const decode = async (position: number) => {
    const picture = await createImageBitmap(new Blob([file(position)!], { type: "image/jpeg" }));
    decoded.set(position, picture);
    trim();
    return picture;
  };
  const store: Pictures = {
    peek: (position) => markUsed(decoded, position),
    shownPosition: (position) => position,
    ready: () => true,
    prepare(position) {
      for (let ahead = position + 1; ahead <= position + AHEAD; ahead++) {
        if (file(ahead)) store.load(ahead).catch(() => {});
      }
    },
    async load(position) {
      const picture = store.peek(position) ?? decoding.get(position);
      if (picture) return picture;
      const promise = decode(position).finally(() => decoding.delete(position));
      decoding.set(position, promise);
      return promise;
    },
    close() {
      capacity = 0;
      trim();
    },
  };
  return store;
}
