// Thumbnails of the attention of every layer and head, and their layout in one picture.

import type { Blend } from "../core/timeline.js";
import type { Payload } from "../host/payload.js";
import { computeHeat, type Heat, mapAt } from "./maps.js";

/** The heat map of one head of a layer (head -1: their mean), and the corner of its thumbnail in the picture of all. */
export interface Thumbnail {
  layer: number;
  head: number;
  heat: Heat;
  x: number;
  y: number;
}

/** Pixels between two thumbnails, and additional ones before the column of means. */
const GAP = 1;
const BEFORE_MEANS = 2;

/** Thumbnails of all heads, then the mean, of each layer; the first layer is at the bottom. A pixel is a cell. */
export function thumbnails(payload: Payload): Thumbnail[] {
  const [layers, heads] = payload.meta.attention ?? [0, 0];
  return Array.from({ length: layers * (heads + 1) }, (_, at) => {
    const column = at % (heads + 1);
    const layer = (at - column) / (heads + 1);
    const head = column < heads ? column : -1;
    const heat = computeHeat(payload, { layer, head });
    const x = column * (heat.columns + GAP) + (head < 0 ? BEFORE_MEANS : 0);
    return { layer, head, heat, x, y: (layers - 1 - layer) * (heat.rows + GAP) };
  });
}

/** Width and height of the picture of all thumbnails. The first one is lowest, the last one farthest right. */
export const thumbnailsSize = (all: readonly Thumbnail[]): [width: number, height: number] => [
  all[all.length - 1].x + all[0].heat.columns,
  all[0].y + all[0].heat.rows,
];

/** Width in pixels of the canvas with the frames under the thumbnails. */
const FRAMES_WIDTH = 960;

/** Opacity of these frames. */
const FAINT = 0.5;

/** Draw the part of a frame that the model saw under each thumbnail, faintly over black. */
export function drawFrames(
  canvas: HTMLCanvasElement,
  thumbnails: readonly Thumbnail[],
  picture: CanvasImageSource & { width: number; height: number },
  [x0, y0, x1, y1]: readonly [number, number, number, number],
): void {
  const [{ heat }] = thumbnails;
  const [across, down] = thumbnailsSize(thumbnails);
  const scale = FRAMES_WIDTH / across;
  const [width, height] = [scale * heat.columns, (scale * heat.columns * (y1 - y0)) / (x1 - x0)];
  const scaleDown = height / heat.rows;
  canvas.width = FRAMES_WIDTH;
  canvas.height = Math.round(scaleDown * down);
  const tile = document.createElement("canvas");
  [tile.width, tile.height] = [Math.round(width), Math.round(height)];
  const context = tile.getContext("2d", { alpha: false })!;
  context.globalAlpha = FAINT;
  context.drawImage(picture, x0, y0, x1 - x0, y1 - y0, 0, 0, tile.width, tile.height);
  const board = canvas.getContext("2d")!;
  for (const { x, y } of thumbnails) board.drawImage(tile, scale * x, scaleDown * y, width, height);
}

/** Draw thumbnails at one moment into RGBA pixels of `thumbnailsSize`, each relative to its own maximum in the clip. */
export function drawThumbnails(
  pixels: Uint8ClampedArray,
  thumbnails: readonly Thumbnail[],
  moment: Blend,
  colorTable: Uint8Array,
): void {
  const [width] = thumbnailsSize(thumbnails);
  for (const { heat, x, y } of thumbnails) {
    for (const [cell, value] of mapAt(heat, moment).entries()) {
      const at = 4 * ((y + Math.floor(cell / heat.columns)) * width + x + (cell % heat.columns));
      const level = 3 * Math.round(255 * value);
      for (let c = 0; c < 3; c++) pixels[at + c] = colorTable[level + c];
      pixels[at + 3] = 255;
    }
  }
}
