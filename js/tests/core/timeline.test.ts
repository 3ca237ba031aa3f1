import { describe, expect, it } from "vitest";
import { atOrBefore, createTimeline, nearest } from "../../src/core/timeline.js";

// Frames of unequal length; the second slice saw two frames, and source frame 10 is the clip's first.
const clock = createTimeline(
  [10, 11, 12, 13, 14],
  [1.0, 1.1, 1.4, 1.5, 1.9],
  [
    [1.0, 1.25],
    [1.25, 2.0],
  ],
  [[10], [12, 13]],
  [[1.0], [1.4, 1.5]],
);

describe("searching", () => {
  it("finds the last value at or before, and the first where all come later", () => {
    expect([0, 1, 1.5, 2, 9].map((value) => atOrBefore([1, 2, 2, 3], value))).toEqual([0, 0, 0, 2, 3]);
  });
  it("finds the nearest value, the earlier of two", () => {
    expect([0, 1.4, 1.5, 1.6, 9].map((value) => nearest([1, 2, 3], value))).toEqual([0, 0, 0, 1, 2]);
  });
});

describe("Clock", () => {
  it("shows a frame from its own time stamp until the next", () => {
    expect([1.0, 1.09, 1.1, 1.39, 1.4, 5].map((time) => clock.positionAt(time))).toEqual([0, 0, 1, 1, 2, 4]);
    expect([0, 3, 4].map((position) => clock.endOf(position))).toEqual([1.1, 1.9, 2.0]);
  });
  it("gives each frame the slice whose span holds its time", () => {
    expect(clock.slices).toEqual([0, 0, 1, 1, 1]);
  });
  it("finds source frames, and the nearest one for those that are not there", () => {
    expect([10, 13, 0, 99].map((frame) => clock.positionOf(frame))).toEqual([0, 3, 0, 4]);
  });
  it("holds a slice or blends between the middles of what the slices saw", () => {
    expect(clock.hold(1)).toEqual({ from: 0, to: 0, mix: 0 });
    expect(clock.blend(0)).toMatchObject({ from: 0, mix: 0 });
    expect(clock.blend(1).mix).toBeCloseTo(0.1 / 0.45);
    expect(clock.blend(4)).toEqual({ from: 1, to: 1, mix: 0 });
  });
  it("goes to the sampled frames either way and stays where there is none", () => {
    expect(clock.sampled).toEqual([0, 2, 3]);
    expect(clock.nextSampled(0, 1)).toBe(2);
    expect(clock.nextSampled(4, -1)).toBe(3);
    expect(clock.nextSampled(3, 1)).toBe(3);
  });
  it("places seconds between start and end", () => {
    expect([0, 1, 1.5, 2, 3].map((time) => clock.share(time))).toEqual([0, 0, 0.5, 1, 1]);
  });
});
