import type { Blend } from "../clock.js";
import type { Payload } from "../protocol.js";

/** What is told of each layer and head over the clip. `L` layers of `H + 1` maps: the heads, and last their mean. */
export interface Heads {
  layers: number;
  heads: number;
  /** `(L, H + 1)`, the greatest value of the clip. */
  tops: Float32Array;
  /** `(L, H + 1)`, the slice with the greatest share. */
  peaks: Uint16Array;
}

/** Pixels between two thumbnails, and more before the means. */
const GAP = 1;
const BEFORE_MEANS = 2;

/** Call `each` with every value of the maps of one layer and slice: `head` counts up to their mean. */
function values(
  { meta: { grid, attention: count }, attention }: Payload,
  layer: number,
  slice: number,
  each: (head: number, cell: number, value: number) => void,
): void {
  const [slices, rows, columns] = grid;
  const heads = count![1];
  const cells = rows * columns;
  for (let cell = 0; cell < cells; cell++) {
    let mean = 0;
    for (let head = 0; head < heads; head++) {
      const value = attention[((layer * heads + head) * slices + slice) * cells + cell];
      mean += value / heads;
      each(head, cell, value);
    }
    each(heads, cell, mean);
  }
}

export function headsOf(payload: Payload): Heads {
  const [layers, heads] = payload.meta.attention!;
  const tops = new Float32Array(layers * (heads + 1));
  const peaks = new Uint16Array(tops.length);
  const most = new Float32Array(tops.length);
  for (let layer = 0; layer < layers; layer++) {
    for (let slice = 0; slice < payload.meta.grid[0]; slice++) {
      const mass = new Float64Array(heads + 1);
      const first = layer * (heads + 1);
      values(payload, layer, slice, (head, _, value) => {
        tops[first + head] = Math.max(tops[first + head], value);
        mass[head] += value;
      });
      for (const [head, sum] of mass.entries()) {
        if (sum <= most[first + head]) continue;
        most[first + head] = sum;
        peaks[first + head] = slice;
      }
    }
  }
  return { layers, heads, tops, peaks };
}

/** Pixels of a picture of all thumbnails. */
export const sizeOf = ({ meta: { grid, attention } }: Payload): [width: number, height: number] => [
  (attention![1] + 1) * (grid[2] + GAP) + BEFORE_MEANS,
  attention![0] * (grid[1] + GAP),
];

/**
 * Draw every layer and head at one moment into RGBA pixels of `sizeOf`, a pixel a cell: the first layer lowest, each map
 * over its own greatest value of the clip.
 */
export function drawHeads(
  pixels: Uint8ClampedArray,
  payload: Payload,
  { layers, heads, tops }: Heads,
  { from, to, mix }: Blend,
  table: Uint8Array,
): void {
  const [, rows, columns] = payload.meta.grid;
  const [width] = sizeOf(payload);
  for (let layer = 0; layer < layers; layer++) {
    const y = (layers - 1 - layer) * (rows + GAP);
    const field = new Float32Array((heads + 1) * rows * columns);
    const add = (slice: number, weight: number) =>
      values(payload, layer, slice, (head, cell, value) => {
        field[head * rows * columns + cell] += value * weight;
      });
    add(from, 1 - mix);
    if (mix > 0) add(to, mix);
    for (let head = 0; head <= heads; head++) {
      const gain = 255 / (tops[layer * (heads + 1) + head] || 1);
      const x = head * (columns + GAP) + (head === heads ? BEFORE_MEANS : 0);
      for (let cell = 0; cell < rows * columns; cell++) {
        const at = 4 * ((y + Math.floor(cell / columns)) * width + x + (cell % columns));
        const level = 3 * Math.floor(field[head * rows * columns + cell] * gain + 0.5);
        for (let c = 0; c < 3; c++) pixels[at + c] = table[level + c];
        pixels[at + 3] = 255;
      }
    }
  }
}
