import { expect, test } from "vitest";
import { LEVELS } from "../../src/core/generated.js";
import { composite, type Overlay } from "../../src/render/composite.js";

/** An overlay of one cell with the greatest value over a whole row. */
function overlay(width: number, [red, green, blue, cover]: number[], changes: Partial<Overlay> = {}): Overlay {
  const palette = new Uint8Array(4 * LEVELS);
  palette.set([red, green, blue, cover], 4 * (LEVELS - 1));
  return {
    map: Float32Array.of(1),
    rows: 1,
    columns: 1,
    top: 1,
    signed: false,
    palette,
    nearest: false,
    box: [0, 0, width, 1],
    dim: false,
    ...changes,
  };
}

/** A row of 256 pixels in which each channel takes every value. */
const row = () =>
  Uint8ClampedArray.from({ length: 1024 }, (_, i) => [i >> 2, 255 - (i >> 2), (i >> 2) ^ 85, 255][i % 4]);

test("every channel value is blended at every opacity with rounding; alpha stays 255", () => {
  for (let cover = 0; cover < 256; cover++) {
    for (const colour of [
      [0, 255, 128],
      [1, 254, 77],
      [cover, 255 - cover, 3],
    ]) {
      const pixels = row();
      const blended = (value: number, c: number) => Math.floor((value * (255 - cover) + colour[c] * cover + 127) / 255);
      const expected = row().map((value, i) => (i % 4 === 3 ? 255 : blended(value, i % 4)));
      composite(pixels, 256, 1, overlay(256, [...colour, cover]));
      expect(pixels, `${colour} at ${cover}`).toEqual(expected);
    }
  }
});

test("pixels outside the box are darkened to 80 of 255 on all sides", () => {
  const one = row();
  const pixels = new Uint8ClampedArray(3 * one.length);
  for (let y = 0; y < 3; y++) pixels.set(one, y * one.length);
  composite(pixels, 256, 3, overlay(256, [0, 0, 0, 0], { box: [10, 1, 200, 2], dim: true }));
  const dark = one.map((value, i) => (i % 4 === 3 ? 255 : Math.floor((value * 80 + 127) / 255)));
  const blended = one.map((value, i) => (i >= 40 && i < 800 ? value : dark[i]));
  expect([...pixels]).toEqual([...dark, ...blended, ...dark]);
});
