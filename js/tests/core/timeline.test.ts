import { describe, expect, it } from "vitest";
import { atOrBefore, createTimeline, nearest } from "../../src/core/timeline.js";

// Frames of unequal length; the second slice has two sampled frames, and the clip begins at frame 10 of the video.
const timeline = createTimeline(
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
  it("finds the last value at or before, or the first if all are later", () => {
    expect([0, 1, 1.5, 2, 9].map((value) => atOrBefore([1, 2, 2, 3], value))).toEqual([0, 0, 0, 2, 3]);
  });
  it("finds the nearest value, or the earlier of two equally near", () => {
    expect([0, 1.4, 1.5, 1.6, 9].map((value) => nearest([1, 2, 3], value))).toEqual([0, 0, 0, 1, 2]);
  });
});

describe("a timeline", () => {
  it("shows a frame from its timestamp until the next", () => {
    expect([1.0, 1.09, 1.1, 1.39, 1.4, 5].map((time) => timeline.positionAt(time))).toEqual([0, 0, 1, 1, 2, 4]);
    expect([0, 3, 4].map((position) => timeline.endOf(position))).toEqual([1.1, 1.9, 2.0]);
  });
  it("gives each frame the slice whose span contains its time", () => {
    expect(timeline.slices).toEqual([0, 0, 1, 1, 1]);
  });
  it("finds the position of a frame, or the nearest one", () => {
    expect([10, 13, 0, 99].map((frame) => timeline.positionOf(frame))).toEqual([0, 3, 0, 4]);
  });
  it("holds a slice or interpolates between the mean times of sampled frames", () => {
    expect(timeline.hold(1)).toEqual({ from: 0, to: 0, mix: 0 });
    expect(timeline.blend(0)).toMatchObject({ from: 0, mix: 0 });
    expect(timeline.blend(1).mix).toBeCloseTo(0.1 / 0.45);
    expect(timeline.blend(4)).toEqual({ from: 1, to: 1, mix: 0 });
  });
  it("steps to the next sampled frame in both directions, and stays at the last", () => {
    expect(timeline.sampled).toEqual([0, 2, 3]);
    expect(timeline.nextSampled(0, 1)).toBe(2);
    expect(timeline.nextSampled(4, -1)).toBe(3);
    expect(timeline.nextSampled(3, 1)).toBe(3);
  });
  it("gives the share of a second between start and end", () => {
    expect([0, 1, 1.5, 2, 3].map((time) => timeline.share(time))).toEqual([0, 0, 0.5, 1, 1]);
  });
});
