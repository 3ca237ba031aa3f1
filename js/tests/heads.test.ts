import { expect, it } from "vitest";
import { drawHeads, headsOf, sizeOf } from "../src/heat/heads.js";
import { heatOf } from "../src/heat/maps.js";
import type { Payload } from "../src/protocol.js";

const [L, H, S, ROWS, COLUMNS] = [3, 2, 4, 2, 3];
const CELLS = ROWS * COLUMNS;

/** Maps at random, those of the first head all zero in the first layer. */
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

it("finds of each layer and head, and of the mean, its top and its strongest slice", () => {
  const one = payload();
  const { tops, peaks, layers, heads } = headsOf(one);
  expect([layers, heads, tops.length]).toEqual([L, H, L * (H + 1)]);
  for (let layer = 0; layer < L; layer++) {
    for (let head = 0; head <= H; head++) {
      const { scale, temporal } = heatOf(one, layer, head < H ? head : -1);
      const at = layer * (H + 1) + head;
      if (at === 0) expect([tops[0], peaks[0]]).toEqual([0, 0]);
      else {
        expect(tops[at]).toBeCloseTo(scale, 6);
        expect(peaks[at]).toBe(temporal.indexOf(Math.max(...temporal)));
      }
    }
  }
});

it("draws a pixel a cell, the first layer lowest and the means apart, each over its top of the clip", () => {
  const one = payload();
  const [width, height] = sizeOf(one);
  expect([width, height]).toEqual([(H + 1) * (COLUMNS + 1) + 2, L * (ROWS + 1)]);
  const table = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
  for (const moment of [
    { from: 2, to: 2, mix: 0 },
    { from: 1, to: 2, mix: 0.25 },
  ]) {
    const pixels = new Uint8ClampedArray(4 * width * height);
    drawHeads(pixels, one, headsOf(one), moment, table);
    const expected = new Uint8ClampedArray(pixels.length);
    for (let layer = 0; layer < L; layer++) {
      for (let head = 0; head <= H; head++) {
        const { values } = heatOf(one, layer, head < H ? head : -1);
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
    const apart = pixels.map((value, i) => Math.abs(value - expected[i]));
    expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    // Between the thumbnails nothing is drawn.
    expect(pixels.filter((value, i) => i % 4 === 3 && value > 0).length).toBe(L * (H + 1) * CELLS);
  }
});
