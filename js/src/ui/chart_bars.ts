// Numbers for the chart: slices merged into bars, and round steps for its axes.

/** What one bar tells of some slices. */
export interface Bar {
  /** Slices, half-open. */
  from: number;
  to: number;
  mean: number;
  most: number;
}

/** Bars for the slices `from` … `to`, of `per` slices each; the same slices are together wherever the range begins. */
export function mergeBars(values: Float32Array, from: number, to: number, per: number): Bar[] {
  const found: Bar[] = [];
  for (let start = from - (from % per); start < to; start += per) {
    const part = values.subarray(start, start + per);
    const { length } = part;
    const mean = part.reduce((sum, value) => sum + value) / length;
    found.push({ from: start, to: start + length, mean, most: Math.max(...part) });
  }
  return found;
}

/** The round number (1, 2 or 5 times a power of ten) that divides `range` into at most `count` steps. */
export function niceStep(range: number, count: number): number {
  const rough = range / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10);
}
