/** Statistics of a clip's maps; the same formulas as refine.py, and a test holds them together. */

/** Magnitudes, rising. */
export function strengths(values: Float32Array): Float32Array {
  return values.map(Math.abs).sort();
}

/** numpy's default quantile, `q` from 0 to 1. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/** Share of cells that are weaker than `value`, 0 … 1. */
export function rank(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low / sorted.length;
}

/** Share of cells that `dynamic_threshold` in refine.py drops: fewer survive where the map is concentrated. */
export function dynamicThreshold(values: ArrayLike<number>, low = 0.7, high = 0.9): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += Math.abs(values[i]);
  if (total === 0) return 0;
  let entropy = 0;
  for (let i = 0; i < values.length; i++) {
    const share = Math.abs(values[i]) / total;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return 1 - Math.min(Math.max(Math.exp(entropy) / values.length, 1 - high), 1 - low);
}

/**
 * Maps `(S, h, w)` blurred over neighbouring slices and patches with a Gaussian, its deviation counted in them; the edge
 * is continued. `smooth` of refine.py.
 */
export function smooth(maps: Float32Array, shape: readonly number[], sigma: number): Float32Array {
  const reach = Math.ceil(3 * sigma);
  if (!reach) return maps;
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-0.5 * ((k - reach) / sigma) ** 2));
  const total = kernel.reduce((sum, weight) => sum + weight);
  let from = Float64Array.from(maps);
  let stride = maps.length;
  for (const size of shape) {
    stride /= size;
    const to = new Float64Array(maps.length);
    for (let i = 0; i < to.length; i++) {
      const at = Math.floor(i / stride) % size;
      for (let k = -reach; k <= reach; k++) {
        const near = Math.min(Math.max(at + k, 0), size - 1);
        to[i] += (from[i + (near - at) * stride] * kernel[k + reach]) / total;
      }
    }
    from = to;
  }
  return Float32Array.from(from);
}
