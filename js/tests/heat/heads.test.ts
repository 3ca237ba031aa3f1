import { expect, it } from "vitest";
import { drawThumbnails, thumbnails, thumbnailsSize } from "../../src/heat/heads.js";
import { computeHeat } from "../../src/heat/maps.js";
import type { Payload } from "../../src/host/payload.js";

const [L, H, S, ROWS, COLUMNS] = [3, 2, 4, 2, 3];
const CELLS = ROWS * COLUMNS;

/** A payload with random attention; the first head of the first layer is zero. */
function payload(): Payload {
  let seed = 7;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  const attention = Float32Array.from({ length: L * H * S * CELLS }, (_, i) => (i < S * CELLS ? 0 : random() ** 2));
  const maps = new Float32Array(S * CELLS);
  const meta = { grid: [S, ROWS, COLUMNS], attention: [L, H], signed: false, scale: 1 };
  return { meta, attention, maps, temporal: new Float32Array(S) } as unknown as Payload;
}

it("lists the heads of each layer and then their mean", () => {
  const one = payload();
  const all = thumbnails(one);
  expect(all.map(({ layer, head }) => [layer, head])).toEqual(
    [0, 1, 2].flatMap((layer) => [0, 1, -1].map((head) => [layer, head])),
  );
  const size = S * CELLS;
  const [third, fourth] = [2, 3].map((at) => one.attention.subarray(at * size, (at + 1) * size));
  const mean = third.map((value, i) => (value + fourth[i]) / 2);
  expect(all[5].heat.scale).toBeCloseTo(Math.max(...mean), 6);
  expect(all[5].heat.values[7]).toBeCloseTo(mean[7] / Math.max(...mean), 6);
  expect([...thumbnails({ ...one, meta: { ...one.meta, attention: null } })]).toEqual([]);
});

it("draws one pixel per cell, the first layer lowest and the means apart, each scaled to its maximum", () => {
  const one = payload();
  const all = thumbnails(one);
  const [width, height] = thumbnailsSize(all);
  expect([width, height]).toEqual([(H + 1) * (COLUMNS + 1) + 1, L * (ROWS + 1) - 1]);
  const table = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
  for (const moment of [
    { from: 2, to: 2, mix: 0 },
    { from: 1, to: 2, mix: 0.25 },
  ]) {
    const pixels = new Uint8ClampedArray(4 * width * height);
    drawThumbnails(pixels, all, moment, table);
    const expected = new Uint8ClampedArray(pixels.length);
    for (let layer = 0; layer < L; layer++) {
      for (let head = 0; head <= H; head++) {
        const { values } = computeHeat(one, { layer, head: head < H ? head : -1 });
        for (let cell = 0; cell < CELLS; cell++) {
          const [a, b] = [values[moment.from * CELLS + cell], values[moment.to * CELLS + cell]];
          const x = head * (COLUMNS + 1) + (head === H ? 2 : 0) + (cell % COLUMNS);
          const y = (L - 1 - layer) * (ROWS + 1) + Math.floor(cell / COLUMNS);
          expected.set(
            [255, 255, 255].fill(Math.round(255 * (a * (1 - moment.mix) + b * moment.mix))),
            4 * (y * width + x),
          );
          expected[4 * (y * width + x) + 3] = 255;
        }
      }
    }
    const differences = pixels.map((value, i) => Math.abs(value - expected[i]));
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
    // The gaps between thumbnails are empty.
    expect(pixels.filter((value, i) => i % 4 === 3 && value > 0).length).toBe(L * (H + 1) * CELLS);
  }
});
