import { expect, it } from "vitest";
import { connect } from "../../src/host/connection.js";
import { type Meta, type Payload, readPayloads } from "../../src/host/payload.js";
import { createState } from "../../src/host/settings_sync.js";
import { columns, fitsSideBySide, type Room } from "../../src/session/arrangement.js";
import { commonGrid, type Grid, resample } from "../../src/session/difference.js";
import { openSession } from "../../src/session/session.js";
import { controller, FakeModel, FakeSignal, named, payloadTraits } from "../fake.js";

const nameOf = ({ method, labels, target }: Meta) => `${method} · ${labels[target]}`;

async function open(...others: ((first: Payload) => Payload)[]) {
  const model = new FakeModel(payloadTraits(), { status: "idle", statusChanged: new FakeSignal() });
  const until = controller().signal;
  const host = connect(model, () => false, until);
  const [first] = readPayloads(model);
  const payloads = named([first, ...others.map((make) => make(first))], nameOf);
  const session = openSession(payloads, createState(model, until), host, until);
  model.answer("hello", { ok: true, result: { kernel: true, computes: true, why: "" } });
  await new Promise<void>((done) => setTimeout(done));
  return { model, session, state: session.state };
}

const change =
  (meta: Partial<Meta>, rest: Partial<Payload> = {}) =>
  (first: Payload): Payload => ({ ...first, ...rest, meta: { ...first.meta, ...meta } });

const otherClip = { clip: { name: "other.mp4", size: [320, 180] as [number, number], end: 4, sha256: "ef" } };

const grid = (rows: number, columns: number, ...box: [number, number, number, number]): Grid => ({
  cells: [columns, rows],
  box,
});

it("covers the common area of two grids, with cells of the finer one", () => {
  const whole = grid(2, 4, 0, 0, 8, 4);
  expect(commonGrid(whole, whole)).toEqual(whole);
  expect(commonGrid(whole, grid(2, 2, 2, 0, 6, 4))).toEqual(grid(2, 2, 2, 0, 6, 4));
  expect(commonGrid(grid(4, 4, 2, 0, 6, 4), whole)).toEqual(grid(4, 4, 2, 0, 6, 4));
  expect(commonGrid(whole, grid(1, 1, 4, -4, 12, 2))).toEqual(grid(1, 2, 4, 0, 8, 2));
});

it("interpolates a map between cell centers, and is constant beyond the outermost", () => {
  const two = grid(1, 2, 0, 0, 2, 1);
  expect([...resample(Float32Array.of(0, 1), two, grid(1, 4, 0, 0, 2, 1))]).toEqual([0, 0.25, 0.75, 1]);
  // Boxes differ, but the position in the frame is the same.
  expect([...resample(Float32Array.of(0, 1), two, grid(1, 1, 0.5, 0, 1.5, 1))]).toEqual([0.5]);
  const square = grid(2, 2, 10, 10, 30, 30);
  expect([...resample(Float32Array.of(0, 1, 2, 3), square, square)]).toEqual([0, 1, 2, 3]);
  expect([...resample(Float32Array.of(0, 1, 2, 3), square, grid(1, 1, 10, 10, 30, 30))]).toEqual([1.5]);
});

it("subtracts the next pane from the active one at the same second, each on its own timeline", async () => {
  const spans: [number, number][] = [
    [2, 2.5],
    [2.5, 4],
  ];
  const { session, state } = await open(
    change({ method: "other", spans, signed: false }, { maps: Float32Array.of(1, 0, 0, 0, 0.5, 0.5, 0.5, 0.5) }),
  );
  const [one, other] = session.panes.all;
  const difference = session.panes.difference.value!;
  const { values } = difference.heat.value;
  // Three pairs of slices are shown together: 0 and 0, 0 and 1, 1 and 1.
  expect(values.length).toBe(3 * 4);
  for (const frame of one.timeline.frames) {
    state.frame.value = frame;
    const expected = [...one.map.value].map((value, i) => value - other.map.value[i]);
    expect([...difference.map.value]).toEqual(expected.map(Math.fround));
    const at = [2.5, 3, 4].findIndex((end) => session.view.time.value < end);
    expect([...values.slice(4 * at, 4 * at + 4)]).toEqual([...difference.map.value]);
  }
  // One of the two is signed.
  expect(difference.colorMax.value).toBe(2);
  expect(difference.overlay.value.top).toBe(2);
  state.normalize.value = "frame";
  expect(difference.overlay.value.top).toBe(Math.max(...[...difference.map.value].map(Math.abs)));
  session.actions.stepPane(1);
  expect(session.panes.difference.value!.map.value[0]).toBeCloseTo(-difference.map.value[0], 6);
});

it("shows the names of the active pane, and steps around", async () => {
  const { session, state } = await open(change({ method: "rollout", target: 1 }), change({ method: "gradcam" }));
  expect(session.view.names.value).toEqual(["staa · jump", "rollout · clap", "gradcam · jump"]);
  expect(session.view.pairNames.value).toEqual(["staa · jump", "rollout · clap"]);
  session.actions.stepPane(1);
  expect([state.pane.value, session.view.meta.value.method, session.panes.next.value]).toEqual([
    1,
    "rollout",
    session.panes.all[2],
  ]);
  session.actions.stepPane(-1);
  session.actions.stepPane(-1);
  expect([state.pane.value, session.view.meta.value.method, session.panes.next.value]).toEqual([
    2,
    "gradcam",
    session.panes.all[0],
  ]);
  expect(session.host.notice.value.text).toBe("gradcam · jump");
  expect(session.view.pairNames.value).toEqual(["gradcam · jump", "staa · jump"]);
  const payloads = session.panes.all.map((pane) => pane.payload.value);
  session.panes.replace(named([change({ method: "saliency" })(payloads[0]), ...payloads.slice(1)], nameOf));
  expect(session.view.names.value).toEqual(["saliency · jump", "rollout · clap", "gradcam · jump"]);
});

it("follows the timeline of the first pane: one position per clip, and the same second in another clip", async () => {
  const later = (first: Payload) => change(otherClip, { times: first.times.map((time) => time + 1) })(first);
  const { session, state } = await open(change({ method: "rollout" }), later, later);
  const [one, same, apart, too] = session.panes.all;
  expect(same.position).toBe(one.position);
  expect(too.position).toBe(apart.position);
  state.frame.value = 103;
  expect(one.timeline.times[one.position.value]).toBe(3.75);
  expect(apart.timeline.times[apart.position.value]).toBeLessThanOrEqual(3.75);
  expect(apart.timeline.times[apart.position.value + 1]).toBeGreaterThan(3.75);
  expect(session.panes.differences.map((difference) => difference !== null)).toEqual([true, false, true, false]);
});

it("offers the views that its panes allow", async () => {
  const alone = await open();
  alone.state.view.value = "difference";
  expect([alone.session.view.mode.value, alone.session.panes.next.value]).toEqual([
    "overlay",
    alone.session.panes.all[0],
  ]);
  const { session, state } = await open(change(otherClip), change({ ...otherClip, method: "rollout" }));
  state.view.value = "grid";
  const views = Array.from({ length: 4 }, () => {
    session.actions.nextView();
    return session.view.mode.value;
  });
  expect(views).toEqual(["overlay", "side", "wipe", "grid"]);
  state.view.value = "difference";
  expect(session.view.mode.value).toBe("overlay");
  state.pane.value = 1;
  expect(session.view.mode.value).toBe("difference");
});

it("computes in the pane that was active at the request", async () => {
  const { model, session, state } = await open(change({ method: "rollout" }));
  session.actions.stepPane(1);
  session.actions.explain("staa_logit");
  expect(model.requests("compute").at(-1)!.args).toEqual({ method: "staa_logit", target: 2, pane: 1 });
  expect(session.view.activeRequest).toMatchObject({ method: "staa_logit" });
  state.pane.value = 0;
  expect(session.view.activeRequest).toBeNull();
});

it("arranges panes so that pictures are large in the room", () => {
  const [wide, square, tall] = [16 / 9, 1, 9 / 16];
  const [large, low, narrow] = [
    { width: 944, height: 558 },
    { width: 944, height: 428 },
    { width: 348, height: 428 },
  ];
  const across = (panes: number, room: Room) => [wide, square, tall].map((shape) => columns(panes, shape, room));
  expect(across(2, large)).toEqual([2, 2, 2]);
  expect(across(3, large)).toEqual([2, 3, 3]);
  expect(across(4, large)).toEqual([2, 2, 4]);
  expect(across(4, low)).toEqual([2, 4, 4]);
  // A picture among others is never narrower than it can be read.
  expect(across(4, narrow)).toEqual([2, 2, 2]);
});

it("puts the frame beside its heat map where that fills the room", () => {
  const [wide, square, tall] = [16 / 9, 1, 9 / 16];
  const fits = (width: number) => [wide, square, tall].map((shape) => fitsSideBySide(shape, { width, height: 558 }));
  expect(fits(944)).toEqual([false, true, true]);
  expect(fits(690)).toEqual([false, false, true]);
  expect(fits(348)).toEqual([false, false, false]);
});
