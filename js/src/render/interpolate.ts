// Values of a map between the centers of its patches, by the arithmetic of render/interpolation.py, in the same order.

import { STEEPEST } from "../core/generated.js";

/** For each pixel along one side, the two cells between which it lies, and its place between their centers, 0 … 1. */
export interface Taps {
  first: Uint16Array;
  second: Uint16Array;
  position: Float64Array;
  /** Half-open range of pixels whose center lies in the box. */
  from: number;
  to: number;
}

/**
 * The cells around each pixel. Outside of the outermost centers, and everywhere if `nearest`, a pixel has the value of its
 * own cell.
 */
export function taps(size: number, start: number, end: number, cells: number, nearest: boolean): Taps {
  const result = {
    first: new Uint16Array(size),
    second: new Uint16Array(size),
    position: new Float64Array(size),
    from: Math.min(Math.max(Math.ceil(start - 0.5), 0), size),
    to: Math.min(Math.max(Math.ceil(end - 0.5), 0), size),
  };
  for (let i = result.from; i < result.to; i++) {
    const at = ((i + 0.5 - start) / (end - start)) * cells;
    const place = nearest ? Math.min(Math.floor(at), cells - 1) : Math.min(Math.max(at - 0.5, 0), cells - 1);
    result.first[i] = Math.floor(place);
    result.second[i] = Math.min(result.first[i] + 1, cells - 1);
    result.position[i] = place - result.first[i];
  }
  return result;
}

/** A map `(rows, columns)` as a smooth surface. */
export interface Surface {
  /**
   * The cubic polynomials between neighboring columns in one row of pixels: for each column its four coefficients,
   * constants first. The array is written anew at each call.
   */
  polynomials(down: Taps, y: number): Float64Array;
}

/**
 * A bicubic Hermite surface with limited slopes. It has the map's value at the center of each patch and the map's sum, and
 * stays between the values of the four centers around a pixel.
 */
export function surface(map: Float64Array, rows: number, columns: number): Surface {
  const downSlopes = slopes(map, rows, columns);
  const acrossSlopes = slopes(map, columns, 1);
  const values = new Float64Array(columns);
  const gradients = new Float64Array(columns);
  const polynomials = new Float64Array(4 * columns);
  return {
    polynomials({ first, second, position }, y) {
      const t = position[y];
      const share = t * t * (3 - 2 * t);
      for (let c = 0; c < columns; c++) {
        const above = first[y] * columns + c;
        const below = second[y] * columns + c;
        const [slope, endSlope, rise] = [downSlopes[above], downSlopes[below], map[below] - map[above]];
        const bend = 3 * rise - 2 * slope - endSlope + t * (slope + endSlope - 2 * rise);
        values[c] = map[above] + t * (slope + t * bend);
        gradients[c] = acrossSlopes[above] + (acrossSlopes[below] - acrossSlopes[above]) * share;
      }
      for (let c = 0, at = 0; c < columns; c++, at += 4) {
        const next = Math.min(c + 1, columns - 1);
        const rise = values[next] - values[c];
        polynomials[at] = values[c];
        polynomials[at + 1] = gradients[c];
        polynomials[at + 2] = 3 * rise - 2 * gradients[c] - gradients[next];
        polynomials[at + 3] = gradients[c] + gradients[next] - 2 * rise;
      }
      return polynomials;
    },
  };
}

/** The slope at each center along one side, whose cells lie `stride` apart; 0 at peaks, valleys and the outermost centers. */
function slopes(map: Float64Array, cells: number, stride: number): Float64Array {
  return map.map((value, i) => {
    const cell = Math.floor(i / stride) % cells;
    if (cell === 0 || cell === cells - 1) return 0;
    const before = value - map[i - stride];
    const after = map[i + stride] - value;
    if (!(before * after > 0)) return 0;
    const steepest = STEEPEST * Math.min(Math.abs(before), Math.abs(after));
    return Math.sign(before) * Math.min(Math.abs(before + after) / 2, steepest);
  });
}
