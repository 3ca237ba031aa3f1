// Statistics of a clip's maps: strengths, thresholds, blur. The formulas are those of
// methods/postprocess.py: heat.test.ts and tests/methods/test_postprocess.py check the same cases, tests/protocol/refine.json.

import { LEAST_HIDDEN, MOST_HIDDEN } from "../core/generated.js";
import { clamp } from "../core/timeline.js";

/** Magnitudes in rising order. */
export const sortedMagnitudes = (values: Float32Array): Float32Array => values.map(Math.abs).sort();

/**
 * Largest magnitude that is hidden when a share of the cells is, the weakest first; 0 if none is. Equal cells are all kept
 * or all hidden, and the strongest are always kept. The same as `hidden_magnitude` of methods/postprocess.py.
 */
export function hiddenMagnitude(sorted: Float32Array, hiddenShare: number): number {
  const weakestKept = sorted[Math.ceil(hiddenShare * (sorted.length - 1))];
  return sorted.findLast((value) => value < weakestKept) ?? 0;
}

/** Share of cells that are weaker than `value`, 0 … 1. */
export const rank = (sorted: Float32Array, value: number): number =>
  sorted.filter((other) => other < value).length / sorted.length;

/** Share of cells that `dynamic_threshold` in methods/postprocess.py hides: more, the more concentrated the map. */
export function dynamicThreshold(values: readonly number[] | Float32Array): number {
  let total = 0;
  let sum = 0;
  for (const value of values) {
    const size = Math.abs(value);
    total += size;
    sum += size && size * Math.log(size);
  }
  // exp(entropy of the shares): the number of equally strong cells that would be as concentrated.
  return total && clamp(1 - (total * Math.exp(-sum / total)) / values.length, LEAST_HIDDEN, MOST_HIDDEN);
}

/**
 * Blur maps `(S, h, w)` over slices and patches with a Gaussian of standard deviation `sigma`; edges are repeated. The same
 * as `smooth` of methods/postprocess.py.
 */
export function smooth(maps: Float32Array, shape: readonly number[], sigma: number): Float32Array {
  const reach = Math.ceil(3 * sigma);
  if (!reach) return maps;
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-0.5 * ((k - reach) / sigma) ** 2));
  const total = kernel.reduce((sum, weight) => sum + weight);
  let blurred = Float64Array.from(maps);
  let stride = maps.length;
  for (const size of shape) {
    const from = blurred;
    const step = stride / size;
    stride = step;
    blurred = from.map((_, i) => {
      const at = Math.floor(i / step) % size;
      const near = (k: number) => from[i + (clamp(at + k - reach, 0, size - 1) - at) * step];
      return kernel.reduce((sum, weight, k) => sum + near(k) * weight, 0) / total;
    });
  }
  return Float32Array.from(blurred);
}
