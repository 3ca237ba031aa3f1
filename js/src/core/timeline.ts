// Conversion between source frames, positions, seconds and slices of a clip.

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Position of the last value that is not greater than `value`; 0 if all are greater. */
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

/** Position of the value nearest to `value`; of two that are equally near, the first. */
export function nearest(sorted: ArrayLike<number>, value: number): number {
  const before = atOrBefore(sorted, value);
  return Math.abs(sorted[before + 1] - value) < Math.abs(value - sorted[before]) ? before + 1 : before;
}

/** Two slices that are mixed. */
export interface Blend {
  from: number;
  to: number;
  /** 0 shows `from`, 1 shows `to`. */
  mix: number;
}

/** The frames of a clip that can be shown. A position counts them from 0; positions, times and slices correspond. */
export interface Timeline {
  readonly frames: readonly number[];
  readonly times: readonly number[];
  readonly count: number;
  readonly start: number;
  readonly end: number;
  /** The slice of each position. */
  readonly slices: readonly number[];
  /** Positions of sampled frames, in rising order. */
  readonly sampled: readonly number[];
  /** Position of the current frame at a second. */
  positionAt(time: number): number;
  /** Position of a source frame, or of the nearest one that can be shown. */
  positionOf(frame: number): number;
  /** Second at which the frame of a position is replaced by the next. */
  endOf(position: number): number;
  /** Place of a second between start and end, 0 … 1. */
  share(time: number): number;
  /** Slices to mix at a position, linearly between the mean times of their sampled frames. */
  blend(position: number): Blend;
  /** The slice of a position alone. */
  hold(position: number): Blend;
  /** Position of the next sampled frame in a direction; `position` itself if there is none. */
  nextSampled(position: number, direction: 1 | -1): number;
}

export function createTimeline(
  frames: readonly number[],
  times: readonly number[],
  spans: readonly (readonly [number, number])[],
  seen: readonly (readonly number[])[],
  seenTimes: readonly (readonly number[])[],
): Timeline {
  const start = spans[0][0];
  const end = spans[spans.length - 1][1];
  const starts = spans.map(([from]) => from);
  const slices = times.map((time) => atOrBefore(starts, time));
  const sampled = [...new Set(seen.flat().map((frame) => nearest(frames, frame)))].sort((a, b) => a - b);
  const middles = seenTimes.map((all) => all.reduce((sum, time) => sum + time) / all.length);
  // In a range without length, 0 / 0 is not a number.
  const part = (time: number, from: number, to: number) => clamp((time - from) / (to - from) || 0, 0, 1);
  return {
    frames,
    times,
    count: frames.length,
    start,
    end,
    slices,
    sampled,
    positionAt: (time) => atOrBefore(times, time),
    positionOf: (frame) => nearest(frames, frame),
    endOf: (position) => times[position + 1] ?? Math.max(end, times[position]),
    share: (time) => part(time, start, end),
    blend(position) {
      const from = atOrBefore(middles, times[position]);
      const to = Math.min(from + 1, middles.length - 1);
      return { from, to, mix: to > from ? part(times[position], middles[from], middles[to]) : 0 };
    },
    hold: (position) => ({ from: slices[position], to: slices[position], mix: 0 }),
    nextSampled: (position, direction) =>
      sampled.filter((other) => (other - position) * direction > 0).at(direction > 0 ? 0 : -1) ?? position,
  };
}
