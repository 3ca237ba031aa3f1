import { expect, it } from "vitest";
import { outlineOf } from "../../src/heat/outline.js";

/** Lines of a path, each closed, as points. */
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

/** Area that a closed line goes around. */
const area = (line: number[][]) =>
  Math.abs(
    line.reduce((sum, [x, y], i) => {
      const [nextX, nextY] = line[(i + 1) % line.length];
      return sum + (x * nextY - nextX * y) / 2;
    }, 0),
  );

it("runs along the edges of the pixels inside", () => {
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

it("goes around each part of its own, along the border of the frame too", () => {
  // A column at the left border, and one pixel in the corner that touches nothing.
  const path = outlineOf(Int32Array.from([0, 1, 6, 7, 12, 13, 17, 18]), [6, 3]);
  const found = lines(path);
  expect(found).toHaveLength(2);
  expect(found[0].every(([x, y]) => x >= 0 && x <= 1 && y >= 0 && y <= 3)).toBe(true);
  expect(found[1].every(([x, y]) => x >= 5 && x <= 6 && y >= 2 && y <= 3)).toBe(true);
});

it("follows a run around the end of a row", () => {
  const found = lines(outlineOf(Int32Array.from([3, 5]), [4, 2]));
  expect(found.map((line) => line.map(([x]) => Math.round(x / 4))[0])).toEqual([1, 0]);
});

it("is nothing where nothing is inside", () => {
  expect(outlineOf(new Int32Array(0), [320, 320])).toBe("");
});
