// Thumbnails of the attention of every layer and head, and their layout in one picture.

import type { Blend } from "../core/timeline.js";
import type { Payload } from "../host/payload.js";
import { computeHeat, type Heat, mapAt } from "./maps.js";

/** A layer and one of its heads, or for head -1 their mean, and where its corner lies in a picture of all thumbnails. */
export interface Thumbnail {
  layer: number;
  head: number;
  heat: Heat;
  x: number;
  y: number;
}

/** Pixels between two thumbnails, and more before the means. */
const GAP = 1;
const BEFORE_MEANS = 2;

/** The heads of each layer, and after them their mean; the first layer is the lowest. A pixel is a cell. */
export function thumbnails(payload: Payload): Thumbnail[] {
  const [layers, heads] = payload.meta.attention ?? [0, 0];
  return Array.from({ length: layers * (heads + 1) }, (_, at) => {
    const column = at % (heads + 1);
    const layer = (at - column) / (heads + 1);
    const head = column < heads ? column : -1;
    const heat = computeHeat(payload, layer, head);
    const x = column * (heat.columns + GAP) + (head < 0 ? BEFORE_MEANS : 0);
    return { layer, head, heat, x, y: (layers - 1 - layer) * (heat.rows + GAP) };
  });
}

/** Pixels of their picture: the first layer reaches lowest, the last mean farthest. */
export const thumbnailsSize = (all: readonly Thumbnail[]): [width: number, height: number] => [
  all[all.length - 1].x + all[0].heat.columns,
  all[0].y + all[0].heat.rows,
];

/** Draw them at one moment into RGBA pixels of `sizeOf`, each over its own greatest value of the clip. */
export function drawThumbnails(
  pixels: Uint8ClampedArray,
  all: readonly Thumbnail[],
  moment: Blend,
  table: Uint8Array,
): void {
  const [width] = thumbnailsSize(all);
  for (const { heat, x, y } of all) {
    for (const [cell, value] of mapAt(heat, moment).entries()) {
      const at = 4 * ((y + Math.floor(cell / heat.columns)) * width + x + (cell % heat.columns));
      const level = 3 * Math.round(255 * value);
      for (let c = 0; c < 3; c++) pixels[at + c] = table[level + c];
      pixels[at + 3] = 255;
    }
  }
}
