import { LEVELS } from "../heat/palette.js";

/** What is left, of 255, of the parts that the model did not see. */
const DIMMED = 80;

export interface Overlay {
  /** `(rows, columns)`. */
  map: Float32Array;
  rows: number;
  columns: number;
  /** Value that takes the last level. */
  top: number;
  signed: boolean;
  palette: Uint8Array;
  linear: boolean;
  /** Where the map lies, in pixels of the picture; may reach beyond it. */
  box: readonly [number, number, number, number];
  /** Whether to darken what lies outside of it. */
  dim: boolean;
}

interface Taps {
  first: Uint16Array;
  second: Uint16Array;
  mix: Float64Array;
  /** Half-open range of pixels whose centre lies in the box. */
  from: number;
  to: number;
}

/** For each pixel along one side: the two cells it lies between, and how far along. */
function taps(size: number, start: number, end: number, cells: number, linear: boolean): Taps {
  const result = {
    first: new Uint16Array(size),
    second: new Uint16Array(size),
    mix: new Float64Array(size),
    from: Math.min(Math.max(Math.ceil(start - 0.5), 0), size),
    to: Math.min(Math.max(Math.ceil(end - 0.5), 0), size),
  };
  for (let i = result.from; i < result.to; i++) {
    const at = ((i + 0.5 - start) / (end - start)) * cells;
    const place = linear ? Math.min(Math.max(at - 0.5, 0), cells - 1) : Math.min(Math.floor(at), cells - 1);
    result.first[i] = Math.floor(place);
    result.second[i] = Math.min(result.first[i] + 1, cells - 1);
    result.mix[i] = place - result.first[i];
  }
  return result;
}

/**
 * Lay a map over RGBA pixels, in place. The scalar map is interpolated and then coloured, never the other way round;
 * cover is counted in integers, so that the numpy reference comes to the same numbers.
 */
export function composite(pixels: Uint8ClampedArray, width: number, height: number, overlay: Overlay): void {
  const { map, rows, columns, palette, box } = overlay;
  const across = taps(width, box[0], box[2], columns, overlay.linear);
  const down = taps(height, box[1], box[3], rows, overlay.linear);
  const gain = (overlay.signed ? (LEVELS - 1) / 2 : LEVELS - 1) / overlay.top;
  const bias = (overlay.signed ? (LEVELS - 1) / 2 : 0) + 0.5;
  const line = new Float64Array(columns);
  for (let y = down.from; y < down.to; y++) {
    const above = down.first[y] * columns;
    const below = down.second[y] * columns;
    for (let c = 0; c < columns; c++) line[c] = map[above + c] + (map[below + c] - map[above + c]) * down.mix[y];
    for (let x = across.from; x < across.to; x++) {
      const left = line[across.first[x]];
      const value = left + (line[across.second[x]] - left) * across.mix[x];
      const level = 4 * Math.min(Math.max(Math.floor(value * gain + bias), 0), LEVELS - 1);
      const cover = palette[level + 3];
      if (cover === 0) continue;
      const at = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) {
        pixels[at + c] = Math.floor((pixels[at + c] * (255 - cover) + palette[level + c] * cover + 127) / 255);
      }
    }
  }
  if (overlay.dim) dimOutside(pixels, width, height, across, down);
}

function dimOutside(pixels: Uint8ClampedArray, width: number, height: number, across: Taps, down: Taps): void {
  for (let y = 0; y < height; y++) {
    const inside = y >= down.from && y < down.to;
    for (let x = 0; x < width; x++) {
      if (inside && x === across.from) x = across.to;
      if (x >= width) break;
      const at = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) pixels[at + c] = Math.floor((pixels[at + c] * DIMMED + 127) / 255);
    }
  }
}
