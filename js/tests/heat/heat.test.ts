import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LEVELS } from "../../src/core/generated.js";
import { computeHeat } from "../../src/heat/maps.js";
import { palette } from "../../src/heat/palette.js";
import { dynamicThreshold, hiddenMagnitude, rank, smooth, sortedMagnitudes } from "../../src/heat/refine.js";
import type { Payload } from "../../src/host/payload.js";
import { composite, type Overlay } from "../../src/render/composite.js";

const grey = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));

interface Case {
  name: string;
  maps: number[];
  kept: number[];
  hidden: Record<string, number>;
  shape: [number, number, number];
  smooth: Record<string, number[]>;
  refined: number[];
}
// tests/methods/test_postprocess.py compares methods/postprocess.py with the same file.
const cases: Case[] = JSON.parse(
  readFileSync(new URL("../../../tests/protocol/refine.json", import.meta.url), "utf-8"),
);

describe.each(cases)("statistics of $name maps", ({ maps, kept, hidden, shape, smooth: blurred, refined }) => {
  const sorted = sortedMagnitudes(Float32Array.from(maps));
  it("hide equal cells together, as in Python", () => {
    for (const [share, value] of Object.entries(hidden)) expect(hiddenMagnitude(sorted, Number(share))).toBe(value);
  });
  it("keep the same cells at the dynamic threshold as in Python", () => {
    const cut = hiddenMagnitude(sorted, dynamicThreshold(maps));
    const alive = maps.flatMap((value, i) => (Math.abs(value) > cut ? [i] : []));
    expect(alive).toEqual(kept);
  });
  it("draw no cell that is hidden, and the strongest in full", () => {
    const heat = computeHeat(payload(Float32Array.from(maps), shape), { layer: -1, head: -1 });
    const cutoff = hiddenMagnitude(heat.sorted, dynamicThreshold(heat.values));
    const colors = palette({ colorTable: grey, opacity: 1, cutoff, gamma: 1, signed: heat.signed });
    const levels = [...heat.values].map((value) => (heat.signed ? (value + 1) / 2 : value) * (LEVELS - 1));
    const covers = levels.map((level) => colors[4 * Math.round(level) + 3]);
    // Level 512 of a signed palette, which stands for 0, has an opacity of 1/255.
    for (const [i, cover] of covers.entries()) if (!kept.includes(i)) expect(cover).toBeLessThan(2);
    if (kept.length) expect(Math.max(...covers)).toBe(255);
  });
  it("are blurred as in Python, and refined by blur, cut and power", () => {
    const maps32 = Float32Array.from(maps);
    for (const [sigma, expected] of Object.entries(blurred)) {
      expect(maxDifference(smooth(maps32, shape, Number(sigma)), expected)).toBeLessThan(
        1e-5 * Math.max(1, ...expected),
      );
    }
    const values = computeHeat(payload(maps32, shape), { layer: -1, head: -1 }, 0.7);
    const cut = hiddenMagnitude(values.sorted, dynamicThreshold(values.values));
    const powered = values.values.map((value) => (Math.abs(value) > cut ? Math.abs(value) ** 1.75 : 0));
    expect(maxDifference(powered, refined)).toBeLessThan(1e-3);
  });
});

/** Greatest difference of two lists of numbers. */
const maxDifference = (one: ArrayLike<number>, other: ArrayLike<number>) =>
  Array.from(one).reduce((most, value, i) => Math.max(most, Math.abs(value - other[i])), 0);

/** The parts of a payload that `computeHeat` reads. */
function payload(maps: Float32Array, grid: [number, number, number], attention?: [number, number, Float32Array]) {
  const meta = { grid, scale: 2, signed: maps.some((value) => value < 0), attention: attention?.slice(0, 2) ?? null };
  const temporal = new Float32Array(grid[0]);
  return { meta, maps, temporal, temporalSigned: temporal, attention: attention?.[2] } as unknown as Payload;
}

describe("computeHeat", () => {
  const maps = Float32Array.of(0, 1, 0, 0, 0, 0, 0, 0.25);
  const heads = Float32Array.from({ length: 16 }, (_, i) => (i < 8 ? maps[i] : 0.5));
  it("gives the share of each slice of the blurred maps, and keeps the scale", () => {
    const { temporal, scale, values } = computeHeat(payload(maps, [2, 2, 2]), { layer: -1, head: -1 }, 0.7);
    const blurred = smooth(maps, [2, 2, 2], 0.7);
    const top = Math.max(...blurred);
    expect(scale).toBeCloseTo(2 * top, 6);
    expect(Math.max(...values)).toBe(1);
    const mass = blurred.reduce((sum, value) => sum + value);
    expect(temporal[0]).toBeCloseTo(blurred.subarray(0, 4).reduce((sum, value) => sum + value) / mass, 6);
    expect(temporal[0]).not.toBeCloseTo(0.8, 1);
  });
  it("gives signed maps absolute and signed shares", () => {
    const signed = Float32Array.of(1, 0, 0, 0, -1, -1, 0, 0);
    const { temporal, temporalSigned } = computeHeat(payload(signed, [2, 2, 2]), { layer: -1, head: -1 }, 0.1);
    expect([...temporal].map((share) => share.toFixed(4))).toEqual(["0.3333", "0.6667"]);
    expect([...temporalSigned].map((share) => share.toFixed(4))).toEqual(["0.3333", "-0.6667"]);
  });
  it("shows one head, or the mean of all", () => {
    const one = payload(maps, [2, 2, 2], [1, 2, heads]);
    expect([...computeHeat(one, { layer: 0, head: 0 }).values]).toEqual([...maps]);
    expect([...computeHeat(one, { layer: 0, head: -1 }).values].map((value) => Number(value.toFixed(4)))).toEqual(
      [0.25, 0.75, 0.25, 0.25, 0.25, 0.25, 0.25, 0.375].map((value) => Number((value / 0.75).toFixed(4))),
    );
    expect(computeHeat(one, { layer: 0, head: 1 }).temporal[0]).toBe(0.5);
  });
});

it("ranks a value among the magnitudes of the clip", () => {
  const sorted = sortedMagnitudes(Float32Array.of(0.5, -1, 0, 0.25));
  expect([...sorted]).toEqual([0, 0.25, 0.5, 1]);
  expect([0, 0.25, 0.3, 1, 2].map((value) => rank(sorted, value))).toEqual([0, 0.25, 0.5, 0.75, 1]);
});

describe("palette", () => {
  const look = { colorTable: grey, opacity: 1, cutoff: 0, gamma: 1, signed: false };
  it("draws nothing at 0 and everything at the top", () => {
    const rgba = palette(look);
    expect([...rgba.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
    expect([...rgba.subarray(-4)]).toEqual([255, 255, 255, 255]);
  });
  it("hides values up to the cutoff, and fades in above it", () => {
    const covers = palette({ ...look, cutoff: 0.5 }).filter((_, i) => i % 4 === 3);
    expect(covers.subarray(0, LEVELS / 2).every((cover) => cover === 0)).toBe(true);
    expect(covers[LEVELS / 2 + 40]).toBeGreaterThan(0);
    expect(covers[LEVELS - 1]).toBe(255);
    expect(Math.max(...palette({ ...look, cutoff: 1 }).filter((_, i) => i % 4 === 3))).toBe(0);
  });
  it("puts 0 in the middle of a signed table, with equal opacity at both ends", () => {
    const rgba = palette({ ...look, signed: true, opacity: 0.5 });
    expect([rgba[0], rgba[3]]).toEqual([0, 128]);
    expect([rgba[4 * (LEVELS - 1)], rgba[4 * LEVELS - 1]]).toEqual([255, 128]);
    expect(rgba[4 * (LEVELS / 2) + 3]).toBeLessThan(2);
  });
});

describe("composite", () => {
  const overlay: Overlay = {
    map: Float32Array.of(0, 1),
    rows: 1,
    columns: 2,
    top: 1,
    signed: false,
    palette: palette({ colorTable: grey, opacity: 1, cutoff: 0, gamma: 1, signed: false }),
    nearest: true,
    box: [1, 0, 5, 1],
    dim: false,
  };
  const run = (changes: Partial<Overlay>) => {
    const pixels = new Uint8ClampedArray(4 * 6).fill(100);
    composite(pixels, 6, 1, { ...overlay, ...changes });
    return [...pixels].filter((_, i) => i % 4 === 0);
  };
  it("draws only cells inside the box that are not 0", () => {
    expect(run({})).toEqual([100, 100, 100, 255, 255, 100]);
  });
  it("interpolates the map before coloring", () => {
    const [, , left, right] = run({ nearest: false });
    // At 1/4: 0.15625, which is level 160, gray 40, alpha 160 / 1023 / 0.45; at 3/4: 0.84375, gray 215, opaque.
    expect(left).toBe(Math.floor((100 * (255 - 89) + 40 * 89 + 127) / 255));
    expect(right).toBe(215);
  });
  it("scales to the given maximum", () => {
    expect(run({ map: Float32Array.of(0.5, 0.25), top: 0.5 }).slice(1, 3)).toEqual([255, 255]);
  });
  it("darkens outside of the box and not inside", () => {
    expect(run({ dim: true, map: Float32Array.of(0, 0) })).toEqual([31, 100, 100, 100, 100, 31]);
  });
  it("accepts a box larger than the picture", () => {
    expect(run({ box: [-6, -1, 6, 2] })).toEqual([255, 255, 255, 255, 255, 255]);
  });
});
