/** Frames, seconds and slices: which is which. Pure. */

/** Position of the last value that is not greater than `value`; 0 where all are. */
export function atOrBefore(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** Position of the value nearest to `value`; the earlier of two that are equally near. */
export function nearest(sorted: ArrayLike<number>, value: number): number {
  const before = atOrBefore(sorted, value);
  const after = Math.min(before + 1, sorted.length - 1);
  return Math.abs(sorted[after] - value) < Math.abs(value - sorted[before]) ? after : before;
}

export interface Blend {
  from: number;
  to: number;
  /** 0 shows `from`, 1 shows `to`. */
  mix: number;
}

export class Clock {
  readonly frames: readonly number[];
  readonly times: readonly number[];
  readonly start: number;
  readonly end: number;
  /** Slice of each position. */
  readonly slices: readonly number[];
  /** Positions that show a sampled frame, rising. */
  readonly sampled: readonly number[];
  readonly #centres: readonly number[];

  constructor(
    frames: readonly number[],
    times: readonly number[],
    spans: readonly (readonly [number, number])[],
    sampled: readonly (readonly number[])[],
    sampledTimes: readonly (readonly number[])[],
  ) {
    this.frames = frames;
    this.times = times;
    this.start = spans[0][0];
    this.end = spans[spans.length - 1][1];
    const starts = spans.map(([start]) => start);
    this.slices = times.map((time) => atOrBefore(starts, time));
    this.sampled = [...new Set(sampled.flat().map((frame) => nearest(frames, frame)))].sort((a, b) => a - b);
    this.#centres = sampledTimes.map((seen) => seen.reduce((sum, time) => sum + time, 0) / seen.length);
  }

  get count(): number {
    return this.frames.length;
  }

  /** Position whose picture is on screen at a second. */
  at(time: number): number {
    return atOrBefore(this.times, time);
  }

  /** Position of a source frame, or of the nearest one that is there. */
  of(frame: number): number {
    return nearest(this.frames, frame);
  }

  /** Second at which the picture of a position gives way to the next. */
  until(position: number): number {
    return position + 1 < this.count ? this.times[position + 1] : Math.max(this.end, this.times[position]);
  }

  /** Where a second lies between start and end, 0 … 1. */
  share(time: number): number {
    return this.end > this.start ? Math.min(Math.max((time - this.start) / (this.end - this.start), 0), 1) : 0;
  }

  /** Slices to mix at a position: linear between the middles of what they saw, so a sampled frame shows its own map. */
  blend(position: number): Blend {
    const time = this.times[position];
    const from = atOrBefore(this.#centres, time);
    const to = Math.min(from + 1, this.#centres.length - 1);
    const gap = this.#centres[to] - this.#centres[from];
    return { from, to, mix: gap > 0 ? Math.min(Math.max((time - this.#centres[from]) / gap, 0), 1) : 0 };
  }

  held(position: number): Blend {
    return { from: this.slices[position], to: this.slices[position], mix: 0 };
  }

  /** The next position in `direction` that shows a sampled frame, or the one at hand where there is none. */
  nextSampled(position: number, direction: 1 | -1): number {
    const candidates = this.sampled.filter((p) => (p - position) * direction > 0);
    return candidates.length ? candidates[direction > 0 ? 0 : candidates.length - 1] : position;
  }
}
