// The color and opacity of each level of a heat map, by the arithmetic of `palette` in render/compositor.py;
// tests/browser/test_frames.py compares the pixels.

import { FADE_RANGE, LEVELS } from "../core/generated.js";

/** How a heat map is colored. */
export interface HeatStyle {
  /** RGB `(256, 3)`. */
  colorTable: Uint8Array;
  opacity: number;
  /** Values up to this one are not drawn, 0 … 1. */
  cutoff: number;
  gamma: number;
  signed: boolean;
}

/** Color and opacity of each level, RGBA `(LEVELS, 4)`. Level 0 is value 0, or -1 if values are signed. */
export function palette({ colorTable, opacity, cutoff, gamma, signed }: HeatStyle): Uint8Array {
  const rgba = new Uint8Array(4 * LEVELS);
  const floor = cutoff ** gamma;
  for (let level = 0; level < LEVELS; level++) {
    const value = signed ? (2 * level) / (LEVELS - 1) - 1 : level / (LEVELS - 1);
    const strength = Math.abs(value) ** gamma;
    const index = Math.floor((signed ? 127.5 + 127.5 * Math.sign(value) * strength : 255 * strength) + 0.5);
    const alpha = floor < 1 ? Math.min(Math.max((strength - floor) / (FADE_RANGE * (1 - floor)), 0), 1) : 0;
    for (let c = 0; c < 3; c++) rgba[4 * level + c] = colorTable[3 * Math.min(index, 255) + c];
    rgba[4 * level + 3] = Math.floor(255 * opacity * alpha + 0.5);
  }
  return rgba;
}
