import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEFAULTS } from "../../src/core/generated.js";
import { watch } from "../../src/core/reactive.js";
import { LocalModel } from "../../src/host/model.js";
import { createState } from "../../src/host/settings_sync.js";
import { controller } from "../fake.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("state", () => {
  it("starts with the values of the host, and defaults for the rest", () => {
    const state = createState(new LocalModel({ opacity: 0.25 }), controller().signal);
    expect(state.opacity.value).toBe(0.25);
    expect(state.colormap.value).toBe(DEFAULTS.colormap);
  });
  it("is synchronized in both directions", () => {
    const model = new LocalModel({});
    const state = createState(model, controller().signal);
    state.threshold.value = 0.5;
    expect(model.get("threshold")).toBe(0.5);
    model.set("colormap", "magma");
    expect(state.colormap.value).toBe("magma");
  });
  it("reports frames at most ten times a second, and always the last", () => {
    const model = new LocalModel({ frame: 0 });
    const reported: unknown[] = [];
    model.on("change:frame", () => reported.push(model.get("frame")));
    const state = createState(model, controller().signal);
    vi.advanceTimersByTime(1000);
    for (let frame = 1; frame <= 50; frame++) {
      state.frame.value = frame;
      vi.advanceTimersByTime(10);
    }
    vi.advanceTimersByTime(200);
    expect(reported.length).toBeLessThanOrEqual(6);
    expect(reported.at(-1)).toBe(50);
  });
  it("stops following the host when it ends", () => {
    const model = new LocalModel({});
    const ended = controller();
    const state = createState(model, ended.signal);
    let runs = 0;
    watch(ended.signal, () => {
      state.gamma.value;
      runs++;
    });
    ended.abort();
    model.set("opacity", 0.1);
    state.gamma.value = 2;
    expect(state.opacity.value).toBe(DEFAULTS.opacity);
    expect(model.get("gamma")).toBe(DEFAULTS.gamma);
    expect(runs).toBe(1);
  });
});
