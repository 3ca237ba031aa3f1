import { expect, it } from "vitest";
import { niceStep } from "../src/ui/chart.js";

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
