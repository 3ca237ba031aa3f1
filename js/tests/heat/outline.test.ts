import { expect, it } from "vitest";
import { outlineOf } from "../../src/heat/outline.js";

/** The closed lines of a path, as points. */
const lines = (path: string) =>
  path
    .split("Z")
    .filter(Boolean)
    .map((line) =>
      line
        .slice(1)
        .split("L")
        .map((point) => point.split(" ").map(Number)),
    );

/** Area inside a closed line. */
const area = (line: number[][]) =>
  Math.abs(
    line.reduce((sum, [x, y], i) => {
      const [nextX, nextY] = line[(i + 1) % line.length];
      return sum + (x * nextY - nextX * y) / 2;
    }, 0),
  );

it("follows the edges of the pixels inside", () => {
  // Rows 2 … 9, columns 3 … 14 of 20: 8 x 12 pixels.
  const rows = Array.from({ length: 8 }, (_, i) => [20 * (i + 2) + 3, 20 * (i + 2) + 15]);
  const [line, ...others] = lines(outlineOf(Int32Array.from(rows.flat()), [20, 16]));
  expect(others).toEqual([]);
  const [xs, ys] = [0, 1].map((axis) => line.map((point) => point[axis]));
  expect([Math.min(...xs), Math.max(...xs)]).toEqual([3, 15]);
  expect([Math.min(...ys), Math.max(...ys)]).toEqual([2, 10]);
  expect(area(line)).toBeGreaterThan(96 - 6);
  expect(area(line)).toBeLessThan(96);
});

it("outlines each separate part, also along the border of the frame", () => {
  // A column at the left border, and a separate pixel in the corner.
  const path = outlineOf(Int32Array.from([0, 1, 6, 7, 12, 13, 17, 18]), [6, 3]);
  const parts = lines(path);
  expect(parts).toHaveLength(2);
  expect(parts[0].every(([x, y]) => x >= 0 && x <= 1 && y >= 0 && y <= 3)).toBe(true);
  expect(parts[1].every(([x, y]) => x >= 5 && x <= 6 && y >= 2 && y <= 3)).toBe(true);
});

it("splits a run at the end of a row", () => {
  const parts = lines(outlineOf(Int32Array.from([3, 5]), [4, 2]));
  expect(parts.map((line) => line.map(([x]) => Math.round(x / 4))[0])).toEqual([1, 0]);
});

it("is empty for an empty mask", () => {
  expect(outlineOf(new Int32Array(0), [320, 320])).toBe("");
});
