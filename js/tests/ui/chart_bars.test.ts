import { expect, it } from "vitest";
import { mergeBars, niceStep } from "../../src/ui/chart_bars.js";

it("divides an axis at round numbers", () => {
  for (const [range, step] of [
    [4, 1],
    [10, 2],
    [3.9, 1],
    [0.31, 0.1],
    [61, 20],
    [6, 1],
  ]) {
    expect(niceStep(range, 6)).toBeCloseTo(step, 10);
  }
  expect(niceStep(0, 6)).toBe(1);
});

it("merges slices into bars with their mean and maximum, wherever the range begins", () => {
  const values = Float32Array.of(1, 3, 0, 4, 5);
  expect(mergeBars(values, 0, 5, 1).map(({ mean, max }) => [mean, max])).toEqual(
    [...values].map((value) => [value, value]),
  );
  const pairs = [
    { from: 0, to: 2, mean: 2, max: 3 },
    { from: 2, to: 4, mean: 2, max: 4 },
    { from: 4, to: 5, mean: 5, max: 5 },
  ];
  expect(mergeBars(values, 0, 5, 2)).toEqual(pairs);
  expect(mergeBars(values, 1, 4, 2)).toEqual(pairs.slice(0, 2));
  expect(mergeBars(values, 3, 5, 2)).toEqual(pairs.slice(1));
});
