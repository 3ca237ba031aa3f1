import { expect, it } from "vitest";
import { watch } from "../../src/core/reactive.js";
import { connect } from "../../src/host/connection.js";
import { type Payload, readPayloads } from "../../src/host/payload.js";
import { createState } from "../../src/host/settings_sync.js";
import { openSession } from "../../src/session/session.js";
import { controller, FakeModel, FakeSignal, payloadTraits } from "../fake.js";

const turn = () => new Promise<void>((done) => setTimeout(done));

async function open() {
  const model = new FakeModel(payloadTraits(), { status: "idle", statusChanged: new FakeSignal() });
  const until = controller().signal;
  const host = connect(model, () => false, until);
  const session = openSession(readPayloads(model), createState(model, until), host, until);
  model.answer("hello", { ok: true, result: { kernel: true, computes: true, why: "" } });
  await turn();
  return { model, session, pane: session.panes.all[0], until };
}

/** An explanation of the same clip with its maps in reverse order. */
function other(payload: Payload): Payload {
  const meta = {
    ...payload.meta,
    method: "staa_logit",
    method_title: "Class-specific STAA",
    class_specific: true,
    target: 0,
    signed: false,
    attention: null,
  };
  return { ...payload, meta, maps: payload.maps.slice().reverse(), temporal: payload.temporal.slice().reverse() };
}

it("starts at the moment of the greatest attribution", async () => {
  const { session } = await open();
  expect(session.state.frame.value).toBe(103);
});

it("shows another explanation of the clip without changing frame or settings", async () => {
  const { session, pane, until } = await open();
  session.state.frame.value = 101;
  session.state.threshold.value = 0.5;
  session.state.layer.value = 1;
  const shares: number[] = [];
  let moves = 0;
  watch(until, () => {
    session.panes.position.value;
    moves++;
  });
  watch(until, () => void shares.push(session.view.heat.value.temporal[0]));
  const before = pane.payload.value;
  session.state.layer.value = -1;
  session.panes.replace([other(before)]);
  expect(session.state.frame.value).toBe(101);
  expect(session.state.threshold.value).toBe(0.5);
  expect(moves).toBe(1);
  expect(shares.at(-1)).toBe(before.temporal[1]);
  expect([...pane.map.value]).toEqual([...before.maps].reverse().slice(0, 4));
  expect(session.view.colormap.value).toBe("inferno");
  expect(session.host.notice.value.text).toBe("Class-specific STAA: wave");
});

it("falls back to the map of all layers for an explanation without layers", async () => {
  const { session, pane } = await open();
  session.state.layer.value = 1;
  expect(session.view.heat.value.signed).toBe(false);
  session.panes.replace([{ ...pane.payload.value, meta: { ...pane.payload.value.meta, attention: null } }]);
  expect(session.view.heat.value.values).toEqual(pane.payload.value.maps);
});

it("steps through the methods from the last requested one", async () => {
  const { model, session, pane } = await open();
  const methods = pane.payload.value.meta.methods.slice(0, 2);
  const three = [...methods, { ...methods[0], name: "rollout" }];
  session.panes.replace([{ ...pane.payload.value, meta: { ...pane.payload.value.meta, methods: three } }]);
  session.actions.nextMethod();
  session.actions.nextMethod();
  expect(model.requests("compute").map(({ args }) => args)).toEqual([
    { method: "staa_logit", target: 2 },
    { method: "rollout" },
  ]);
  // After a full round the first method is shown again, and nothing is computed.
  session.actions.nextMethod();
  expect(session.host.computation.running.value).toBeNull();
});

it("sends no request without a kernel, and says why", async () => {
  const { model, session } = await open();
  model.emit("destroy");
  session.actions.nextMethod();
  expect(model.requests("compute")).toEqual([]);
  expect(session.host.notice.value.text).toContain("Run the notebook cell again");
});

it("outlines the ground truth in the current frame until it is turned off", async () => {
  const { session, pane } = await open();
  const { state } = session;
  const { outline } = pane;
  // The last frame: 100 × 60 pixels from the upper edge on.
  expect(outline.value).toMatch(/^M[\d .L]+Z$/);
  state.frame.value = 101;
  expect(outline.value).toBe("");
  state.frame.value = 102;
  expect(outline.value).not.toBe("");
  session.actions.toggleGroundTruth();
  expect([state.show_ground_truth.value, outline.value]).toEqual([false, ""]);
  expect(session.host.notice.value.text).toBe("Ground truth hidden");
  session.actions.toggleGroundTruth();
  expect(outline.value).not.toBe("");
  session.panes.replace([{ ...pane.payload.value, meta: { ...pane.payload.value.meta, ground_truth: null } }]);
  expect(outline.value).toBe("");
  session.actions.toggleGroundTruth();
  expect(state.show_ground_truth.value).toBe(true);
  expect(session.host.notice.value.text).toContain("no ground truth");
});
