/** What one bar tells of some slices. */
export interface Bar {
  /** Slices, half-open. */
  from: number;
  to: number;
  mean: number;
  most: number;
}

/** Bars for the slices `from` … `to`, of `per` slices each; the same slices are together wherever the range begins. */
export function bars(values: ArrayLike<number>, from: number, to: number, per: number): Bar[] {
  const found: Bar[] = [];
  for (let start = from - (from % per); start < to; start += per) {
    const end = Math.min(start + per, values.length);
    let [sum, most] = [0, 0];
    for (let s = start; s < end; s++) {
      sum += values[s];
      most = Math.max(most, values[s]);
    }
    found.push({ from: start, to: end, mean: sum / (end - start), most });
  }
  return found;
}

/** A range of `length` seconds around `from`, moved and cut so that it lies within `start` … `end`. */
export function within(from: number, length: number, start: number, end: number): readonly [number, number] {
  const fitting = Math.min(length, end - start);
  const first = Math.min(Math.max(from, start), end - fitting);
  return [first, first + fitting];
}

/** The round number (1, 2 or 5 times a power of ten) that divides `range` into at most `count` steps. */
export function niceStep(range: number, count: number): number {
  if (!(range > 0)) return 1;
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}
