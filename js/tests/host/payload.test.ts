import { describe, expect, it } from "vitest";
import { copyBytes, halfToFloat32 } from "../../src/core/bytes.js";
import { computeHeat, mapAt } from "../../src/heat/maps.js";
import { LocalModel } from "../../src/host/model.js";
import { type Meta, readPayloads, sameLayout } from "../../src/host/payload.js";
import { fixture, payloadTraits } from "../fake.js";

// tests/widget/test_page.py compares this file with the payload from Python.
const { _meta: meta } = fixture("payload");

describe("the payload", () => {
  const [payload] = readPayloads(new LocalModel(payloadTraits()));

  it("has the maps divided by their greatest magnitude, and that scale", () => {
    expect([...payload.maps]).toEqual([0, 0.25, -0.5, 0.125, 1, 0, 0.0625, -0.25]);
    expect(payload.meta.scale).toBe(4);
    expect(payload.meta.grid).toEqual([2, 2, 2]);
  });
  it("has share and signed share of each slice", () => {
    expect([...payload.temporal]).toEqual([3.5 / 8.75, 5.25 / 8.75].map(Math.fround));
    expect([...payload.temporalSigned]).toEqual([-0.5 / 8.75, 3.25 / 8.75].map(Math.fround));
    expect(payload.meta.signed).toBe(true);
  });
  it("has a color table for each name", () => {
    expect([...payload.colormaps.keys()]).toEqual(["cividis", "viridis", "magma", "inferno", "diverging"]);
    expect([...payload.colormaps.get("inferno")!.subarray(0, 3)]).toEqual([0, 0, 4]);
    expect([...payload.colormaps.get("inferno")!.subarray(765)]).toEqual([252, 255, 164]);
  });
  it("has further panes, which use the parts of the first that they do not have", () => {
    const maps = new Uint8Array(new Float32Array(4).buffer);
    const own = { ...meta, method: "other", parts: { maps: [3, 19] } };
    const more = new Uint8Array([9, 9, 9, ...maps, 9]);
    const panes = readPayloads(new LocalModel({ ...payloadTraits(), _others: [own], _more: more }));
    expect(panes.map((pane) => pane.meta.method)).toEqual([meta.method, "other"]);
    expect([...panes[1].maps]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(panes[1].jpegs).toBe(panes[0].jpegs);
    expect(panes[1].temporal).toEqual(panes[0].temporal);
    const pictured = { ...own, parts: { ...own.parts, frames: [0, 3] } };
    const [, other] = readPayloads(new LocalModel({ ...payloadTraits(), _others: [pictured], _more: more }));
    expect([...other.jpegs]).toEqual([9, 9, 9]);
  });
  it("refuses another schema version", () => {
    const other = new LocalModel({ _meta: { ...meta, schema: 99 } });
    expect(() => readPayloads(other)).toThrow("layout 99");
    expect(() => readPayloads(new LocalModel({}))).toThrow("layout undefined");
  });
  it("lists the methods, and which depend on the class", () => {
    const { methods, class_specific } = payload.meta;
    expect(methods.map((method) => [method.name, method.class_specific, method.group, method.cost])).toEqual([
      ["staa", false, "attention", "1 forward pass"],
      ["staa_logit", true, "attention", "1 forward pass"],
      ["saliency", true, "gradient", "2 forward + 1 backward passes"],
    ]);
    expect(class_specific).toBe(false);
  });
  it("has the ground truth in space and time, and the score cards", () => {
    const { ground_truth: truth, cards, card } = payload.meta;
    expect(truth?.spans).toEqual([[3, 4]]);
    const [width] = truth!.size;
    // Two rows of four pixels in the third frame, sixty rows of a hundred in the fourth.
    expect(truth?.offsets).toEqual([0, 0, 0, 2, 62]);
    expect([...payload.groundTruth.subarray(0, 4)]).toEqual([
      10 * width + 5,
      10 * width + 9,
      11 * width + 5,
      11 * width + 9,
    ]);
    expect([...payload.groundTruth.subarray(4, 6)]).toEqual([80, 180]);
    expect(payload.groundTruth).toHaveLength(2 * 62);
    expect(cards.map(({ key }) => key)).toEqual([card]);
    expect(cards[0].scores.every(({ definition }) => definition.endsWith("."))).toBe(true);
    expect(cards[0].scores).toMatchObject([
      { name: "pointing", value: 1, chance: 0.125, prior: 0.125 },
      { name: "mass", value: 0.6957, chance: 0.125, prior: 0.125 },
      { name: "mass at equal entropy", value: 1, chance: 0.125, prior: 0.125 },
      { name: "average precision", value: 1, chance: 0.125, prior: 0.125 },
      { name: "temporal AUC", value: 1, chance: 0.5, prior: 0.5 },
    ]);
  });
  it("has the same layout for any method, unless clip, frames, grid, spans or box differ", () => {
    const { spans, clip, frames } = payload.meta;
    const same = (changes: Partial<Meta>) => sameLayout(payload.meta, structuredClone({ ...payload.meta, ...changes }));
    expect(same({ method: "other", target: 0, scale: 7, signed: false, attention: null, labels: [] })).toBe(true);
    expect(same({ ground_truth: null, cards: [], card: null })).toBe(true);
    expect(same({ grid: [2, 2, 3] })).toBe(false);
    expect(same({ spans: [spans[1], spans[0]] })).toBe(false);
    expect(same({ box: [0, 0, 1, 1] })).toBe(false);
    expect(same({ clip: { ...clip, sha256: "cd" } })).toBe(false);
    expect(same({ frames: { ...frames, total: 5 } })).toBe(false);
  });

  it("scales a layer to its maximum in the clip, with shares of slices", () => {
    const heat = computeHeat(payload, { layer: 1, head: -1 });
    expect([...heat.values]).toEqual([8, 9, 10, 11, 12, 13, 14, 15].map((value) => Math.fround(value / 15)));
    expect(heat.temporal[0]).toBeCloseTo(38 / 92);
    expect(heat.signed).toBe(false);
  });
  it("shows a mask in place of the maps, unless a layer is shown", () => {
    expect(payload.meta.masks).toEqual({
      areas: [0.1, 0.25],
      probabilities: [0.15, 0.6],
      clip_probability: 0.9,
      smallest: 1,
    });
    const heat = computeHeat(payload, { layer: -1, head: -1, mask: 1 });
    expect([...heat.values]).toEqual([0, 0, 0.5, 0.25, 1, 0, 0, 0]);
    expect(heat.temporal[1]).toBeCloseTo(1 / 1.75);
    expect(heat.signed).toBe(false);
    expect(computeHeat(payload, { layer: 1, head: -1, mask: 1 })).toEqual(computeHeat(payload, { layer: 1, head: -1 }));
    expect(computeHeat(payload, { layer: -1, head: -1, mask: 2 })).toEqual(
      computeHeat(payload, { layer: -1, head: -1 }),
    );
  });
  it("interpolates between the maps of two slices", () => {
    const heat = computeHeat(payload, { layer: -1, head: -1 });
    expect([...mapAt(heat, { from: 0, to: 1, mix: 0.5 })]).toEqual([0.5, 0.125, -0.21875, -0.0625]);
  });
});

describe("bytes", () => {
  it("widens float16 exactly: zeros, subnormals, largest, infinities", () => {
    const bits = Uint16Array.from([0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0xbc01, 0x7bff, 0x7c00, 0xfc00]);
    const expected = [0, -0, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1, -(1 + 1 / 1024), 65504, Infinity, -Infinity];
    expect([...halfToFloat32(bits)]).toEqual(expected);
    expect(halfToFloat32(Uint16Array.from([0x7e00]))[0]).toBeNaN();
  });
  it("gives empty arrays for missing bytes", () => {
    expect(copyBytes(null).byteLength).toBe(0);
    expect(halfToFloat32(undefined)).toHaveLength(0);
  });
});
