// Numbers for the chart: slices merged into bars, and round steps for its axes.

/** A bar, which stands for one or more slices. */
export interface Bar {
  /** Slices, half-open. */
  from: number;
  to: number;
  mean: number;
  max: number;
}

/** Merge the slices `from` … `to` into bars of `slicesPerBar`. The same slices share a bar wherever the range begins. */
export function mergeBars(values: Float32Array, from: number, to: number, slicesPerBar: number): Bar[] {
  const merged: Bar[] = [];
  for (let start = from - (from % slicesPerBar); start < to; start += slicesPerBar) {
    const part = values.subarray(start, start + slicesPerBar);
    const { length } = part;
    const mean = part.reduce((sum, value) => sum + value) / length;
    merged.push({ from: start, to: start + length, mean, max: Math.max(...part) });
  }
  return merged;
}

/** The round number (1, 2 or 5 times a power of ten) that divides `range` into at most `count` steps. */
export function niceStep(range: number, count: number): number {
  const rough = range / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10);
}
