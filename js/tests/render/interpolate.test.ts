import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { surface, taps } from "../../src/render/interpolate.js";

interface Case {
  name: string;
  map: number[][];
  size: [number, number];
  box: [number, number, number, number];
  range: number[];
  values: number[][];
}
// tests/render/test_interpolation.py compares render/interpolation.py with the same file.
const cases: Case[] = JSON.parse(
  readFileSync(new URL("../../../tests/protocol/interpolation.json", import.meta.url), "utf-8"),
);

test.each(cases)("$name: values at pixels are those of Python", ({ map, size, box, range, values }) => {
  const [rows, columns] = [map.length, map[0].length];
  const across = taps(size[0], box[0], box[2], columns, false);
  const down = taps(size[1], box[1], box[3], rows, false);
  expect([down.from, down.to, across.from, across.to]).toEqual(range);
  const surfaceOfMap = surface(Float64Array.from(map.flat()), rows, columns);
  for (const [i, line] of values.entries()) {
    const polynomials = surfaceOfMap.polynomials(down, down.from + i);
    for (const [j, value] of line.entries()) {
      const x = across.from + j;
      const t = across.position[x];
      const [a, b, c, d] = polynomials.subarray(4 * across.first[x]);
      expect(a + t * (b + t * (c + t * d))).toBeCloseTo(value, 6);
    }
  }
});
