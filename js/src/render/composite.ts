// Lays a heat map over pixels, by the arithmetic of render/compositor.py, to the same integers;
// tests/browser/test_frames.py compares the pixels.

import { LEVELS, OUTSIDE_BRIGHTNESS } from "../core/generated.js";
import { surface, taps } from "./interpolate.js";

/** A heat map to lay over a frame. */
export interface Overlay {
  /** `(rows, columns)`. */
  map: Float32Array;
  rows: number;
  columns: number;
  /** Value of the last level. */
  top: number;
  signed: boolean;
  palette: Uint8Array;
  /** Whether patches are drawn as blocks. */
  nearest: boolean;
  /** Place of the map, in pixels of the picture; may reach beyond it. */
  box: readonly [number, number, number, number];
  /** Whether to darken the picture outside of the box. */
  dim: boolean;
}

/**
 * Lay a map over RGBA pixels, in place. The map is interpolated first and colored then. Opacity is an integer, so that
 * numpy computes the same pixels.
 */
export function composite(pixels: Uint8ClampedArray, width: number, height: number, overlay: Overlay): void {
  const { map, rows, columns, palette, box } = overlay;
  const { first, position, from, to } = taps(width, box[0], box[2], columns, overlay.nearest);
  const down = taps(height, box[1], box[3], rows, overlay.nearest);
  const gain = (overlay.signed ? (LEVELS - 1) / 2 : LEVELS - 1) / overlay.top;
  const bias = (overlay.signed ? (LEVELS - 1) / 2 : 0) + 0.5;
  const levels = surface(
    Float64Array.from(map, (value) => value * gain + bias),
    rows,
    columns,
  );
  // For each level: the part of a pixel that stays, of 255, and 255 times what is added, two channels of 16 bits in a word,
  // with one half for rounding. One more level darkens what the model did not see; alpha stays 255 there too.
  const keep = new Int32Array(LEVELS + 1).fill(OUTSIDE_BRIGHTNESS);
  const even = new Int32Array(LEVELS + 1).fill(0x800080);
  const odd = new Int32Array(LEVELS + 1).fill(((255 * (255 - OUTSIDE_BRIGHTNESS) + 128) << 16) | 128);
  for (let level = 0; level < LEVELS; level++) {
    const at = 4 * level;
    const cover = palette[at + 3];
    keep[level] = 255 - cover;
    even[level] = ((palette[at + 2] * cover + 128) << 16) | (palette[at] * cover + 128);
    odd[level] = ((255 * cover + 128) << 16) | (palette[at + 1] * cover + 128);
  }
  const words = new Int32Array(pixels.buffer);
  const paint = (at: number, level: number) => {
    const word = words[at];
    const share = keep[level];
    const e = (Math.imul(word & 0xff00ff, share) + even[level]) | 0;
    const o = (Math.imul((word >>> 8) & 0xff00ff, share) + odd[level]) | 0;
    // Exact division of 16 bits by 255.
    words[at] = (((e + ((e >>> 8) & 0xff00ff)) >>> 8) & 0xff00ff) | ((o + ((o >>> 8) & 0xff00ff)) & 0xff00ff00);
  };
  for (let y = 0, at = 0; y < height; y++, at += width) {
    const inside = y >= down.from && y < down.to;
    if (overlay.dim) {
      for (let x = 0; x < (inside ? from : width); x++) paint(at + x, LEVELS);
      for (let x = to; inside && x < width; x++) paint(at + x, LEVELS);
    }
    if (!inside) continue;
    const polynomials = levels.polynomials(down, y);
    for (let x = from; x < to; ) {
      const cell = first[x];
      const a = polynomials[4 * cell];
      const b = polynomials[4 * cell + 1];
      const c = polynomials[4 * cell + 2];
      const d = polynomials[4 * cell + 3];
      for (; x < to && first[x] === cell; x++) {
        const t = position[x];
        const level = (a + t * (b + t * (c + t * d))) | 0;
        paint(at + x, level < 0 ? 0 : level < LEVELS ? level : LEVELS - 1);
      }
    }
  }
}
