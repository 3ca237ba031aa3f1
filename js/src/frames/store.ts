/** Bytes of decoded pictures to keep: about 100 at 640 × 360. */
const BUDGET = 96 * 2 ** 20;

type File = Uint8Array<ArrayBuffer>;

/** The pictures of a pane by position. */
export interface Pictures {
  /** What to draw at a position, if it is decoded. */
  peek(position: number): ImageBitmap | undefined;
  /** Decode what is to be drawn at a position. */
  load(position: number): Promise<ImageBitmap>;
  /** The position whose picture is drawn at a position for now. */
  shown(position: number): number;
  /** Whether playback may go on to a position. */
  ready(position: number): boolean;
  /** Make ready for what comes after a position. */
  prepare(position: number): void;
  close(): void;
}

/** JPEG files, decoded on demand; the pictures used last are kept. */
export class FrameStore implements Pictures {
  /** The file at a position, if it is there. */
  readonly file: (position: number) => File | undefined;
  readonly #room: number;
  readonly #kept = new Map<number, ImageBitmap>();
  readonly #coming = new Map<number, Promise<ImageBitmap>>();
  #closed = false;

  constructor(
    file: (position: number) => File | undefined,
    [width, height]: readonly [number, number],
    budget = BUDGET,
  ) {
    this.file = file;
    this.#room = Math.max(8, Math.floor(budget / (4 * width * height)));
  }

  peek(position: number): ImageBitmap | undefined {
    const picture = this.#kept.get(position);
    if (picture) {
      this.#kept.delete(position);
      this.#kept.set(position, picture);
    }
    return picture;
  }

  shown(position: number): number {
    return position;
  }

  ready(): boolean {
    return true;
  }

  prepare(position: number): void {
    for (let ahead = 1; ahead <= 6; ahead++) {
      if (this.file(position + ahead)) this.load(position + ahead).catch(() => undefined);
    }
  }

  async load(position: number): Promise<ImageBitmap> {
    const picture = this.peek(position) ?? this.#coming.get(position);
    if (picture) return picture;
    const decoding = this.#decode(position).finally(() => this.#coming.delete(position));
    this.#coming.set(position, decoding);
    return decoding;
  }

  async #decode(position: number): Promise<ImageBitmap> {
    const picture = await createImageBitmap(new Blob([this.file(position)!], { type: "image/jpeg" }));
    this.#kept.set(position, picture);
    for (const [oldest, old] of this.#kept) {
      if (this.#kept.size <= this.#room && !this.#closed) break;
      this.#kept.delete(oldest);
      old.close();
    }
    return picture;
  }

  close(): void {
    this.#closed = true;
    for (const picture of this.#kept.values()) picture.close();
    this.#kept.clear();
  }
}
