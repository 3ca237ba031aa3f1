// Statistics of a clip's maps: strengths, quantiles, dynamic threshold, blur. The formulas are those of
// methods/postprocess.py: heat.test.ts and tests/browser/test_frames.py check the same cases, tests/protocol/refine.json.

import { clamp } from "../core/timeline.js";

/** Magnitudes, rising. */
export const sortedMagnitudes = (values: Float32Array): Float32Array => values.map(Math.abs).sort();

/** numpy's default quantile, `q` from 0 to 1. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/** Share of cells that are weaker than `value`, 0 … 1. */
export const rank = (sorted: Float32Array, value: number): number =>
  sorted.filter((other) => other < value).length / sorted.length;

/** Share of cells that `dynamic_threshold` in methods/postprocess.py drops: fewer survive if a map is concentrated. */
export function dynamicThreshold(values: readonly number[] | Float32Array): number {
  let total = 0;
  let sum = 0;
  for (const value of values) {
    const size = Math.abs(value);
    total += size;
    sum += size && size * Math.log(size);
  }
  // The exponential of the entropy of the shares: as many cells, equally strong, would be as concentrated.
  return total && clamp(1 - (total * Math.exp(-sum / total)) / values.length, 0.7, 0.9);
}

/**
 * Maps `(S, h, w)` blurred over neighbouring slices and patches with a Gaussian, its deviation counted in them; the edge
 * is continued. `smooth` of methods/postprocess.py.
 */
export function smooth(maps: Float32Array, shape: readonly number[], sigma: number): Float32Array {
  const reach = Math.ceil(3 * sigma);
  if (!reach) return maps;
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-0.5 * ((k - reach) / sigma) ** 2));
  const total = kernel.reduce((sum, weight) => sum + weight);
  let found = Float64Array.from(maps);
  let stride = maps.length;
  for (const size of shape) {
    const from = found;
    const step = stride / size;
    stride = step;
    found = from.map((_, i) => {
      const at = Math.floor(i / step) % size;
      const near = (k: number) => from[i + (clamp(at + k - reach, 0, size - 1) - at) * step];
      return kernel.reduce((sum, weight, k) => sum + near(k) * weight, 0) / total;
    });
  }
  return Float32Array.from(found);
}
