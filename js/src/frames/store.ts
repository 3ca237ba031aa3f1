/** Bytes of decoded pictures to keep: about 100 at 640 × 360. */
const BUDGET = 96 * 2 ** 20;

/** Packed JPEG files, decoded on demand; the pictures used last are kept. */
export class FrameStore {
  readonly #jpegs: Uint8Array<ArrayBuffer>;
  readonly #offsets: readonly number[];
  readonly #room: number;
  readonly #kept = new Map<number, ImageBitmap>();
  readonly #coming = new Map<number, Promise<ImageBitmap>>();

  constructor(jpegs: Uint8Array<ArrayBuffer>, offsets: readonly number[], [width, height]: readonly [number, number]) {
    this.#jpegs = jpegs;
    this.#offsets = offsets;
    this.#room = Math.max(8, Math.floor(BUDGET / (4 * width * height)));
  }

  /** The picture at a position, if it is decoded. */
  peek(position: number): ImageBitmap | undefined {
    const picture = this.#kept.get(position);
    if (picture) {
      this.#kept.delete(position);
      this.#kept.set(position, picture);
    }
    return picture;
  }

  async load(position: number): Promise<ImageBitmap> {
    const picture = this.peek(position) ?? this.#coming.get(position);
    if (picture) return picture;
    const decoding = this.#decode(position).finally(() => this.#coming.delete(position));
    this.#coming.set(position, decoding);
    return decoding;
  }

  async #decode(position: number): Promise<ImageBitmap> {
    const jpeg = this.#jpegs.subarray(this.#offsets[position], this.#offsets[position + 1]);
    const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    this.#kept.set(position, picture);
    for (const [oldest, old] of this.#kept) {
      if (this.#kept.size <= this.#room) break;
      this.#kept.delete(oldest);
      old.close();
    }
    return picture;
  }

  close(): void {
    for (const picture of this.#kept.values()) picture.close();
    this.#kept.clear();
  }
}
