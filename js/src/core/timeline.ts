// Conversion between source frames, positions, seconds and slices of a clip.

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

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
  return Math.abs(sorted[before + 1] - value) < Math.abs(value - sorted[before]) ? before + 1 : before;
}

export interface Blend {
  from: number;
  to: number;
  /** 0 shows `from`, 1 shows `to`. */
  mix: number;
}

export interface Timeline {
  readonly frames: readonly number[];
  readonly times: readonly number[];
  readonly count: number;
  readonly start: number;
  readonly end: number;
  /** Slice of each position. */
  readonly slices: readonly number[];
  /** Positions that show a sampled frame, rising. */
  readonly sampled: readonly number[];
  /** Position whose picture is on screen at a second. */
  positionAt(time: number): number;
  /** Position of a source frame, or of the nearest one that is there. */
  positionOf(frame: number): number;
  /** Second at which the picture of a position gives way to the next. */
  endOf(position: number): number;
  /** Where a second lies between start and end, 0 … 1. */
  share(time: number): number;
  /** Slices to mix at a position: linear between the middles of what they saw, so a sampled frame shows its own map. */
  blend(position: number): Blend;
  hold(position: number): Blend;
  /** The next position in `direction` that shows a sampled frame, or the one at hand where there is none. */
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
  // Of a moment among those of no length, the beginning.
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
