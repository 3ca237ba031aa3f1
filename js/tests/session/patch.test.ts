import { expect, it } from "vitest";
import { connect } from "../../src/host/connection.js";
import { LocalModel } from "../../src/host/model.js";
import { type Payload, readPayloads } from "../../src/host/payload.js";
import { createState } from "../../src/host/settings_sync.js";
import { describePatch, patchOf } from "../../src/session/patch.js";
import { openSession, type Session } from "../../src/session/session.js";
import { type Command, type PlayerActions, SHORTCUTS } from "../../src/ui/keys.js";
import { controller, FakeModel, FakeSignal, named, payloadTraits } from "../fake.js";

const turn = () => new Promise<void>((done) => setTimeout(done));

async function open(result: unknown = { kernel: true, computes: true, why: "" }) {
  const model = new FakeModel(payloadTraits(), { status: "idle", statusChanged: new FakeSignal() });
  const until = controller().signal;
  const host = connect(model, () => false, until);
  const session = openSession(readPayloads(model), createState(model, until), host, until);
  model.answer("hello", { ok: true, result });
  await turn();
  return { model, session, pane: session.panes.all[0] };
}

/** An explanation by `patch_attention` in place of another. */
function withPatch(payload: Payload, patch: [number, number, number] | null): Payload {
  return { ...payload, meta: { ...payload.meta, method: "patch_attention", params: { patch } } };
}

const pressEscape = (session: Session) => {
  return (SHORTCUTS.leave.run as Command)(session, -1, {} as PlayerActions, "Escape");
};

it("reads the patch of an explanation and of a request, by default the middle one", () => {
  const params = { patch: [1, 2, 4] };
  expect(patchOf({ method: "patch_attention", params })).toEqual([1, 2, 4]);
  expect(patchOf({ method: "staa", params })).toBeNull();
  expect(patchOf({ method: "patch_attention", params: { patch: null }, grid: [2, 5, 7] })).toEqual([1, 2, 3]);
  expect(patchOf({ target: 2 } as object)).toBeNull();
  expect(describePatch({ method: "patch_attention", params })).toBe(
    "attention of the patch at row 3, column 5, slice 2",
  );
  expect(describePatch({ method: "staa", params: {} })).toBe("");
});

it("sends an ordinary request to the kernel, and Escape cancels it", async () => {
  const { model, session, pane } = await open();
  session.actions.select([session.panes.timeline.start, session.panes.timeline.end]);
  session.actions.requestPatch(pane, [1, 0, 1]);
  const [request] = model.requests("compute");
  expect(request.args).toEqual({ method: "patch_attention", params: { patch: [1, 0, 1] }, pane: 0 });
  expect(pressEscape(session)).not.toBe(false);
  expect(model.requests("cancel").map(({ id }) => id)).toEqual([request.id]);
  expect(session.host.computation.running.value).toBeNull();
  expect(session.state.selection.value).not.toBeNull();
});

it("leaves the patch by the trait; Escape does this before anything else", async () => {
  const { model, session, pane } = await open();
  session.actions.select([session.panes.timeline.start, session.panes.timeline.end]);
  const before = pane.payload.value;
  model.set("patch", [1, 0, 1]);
  session.panes.replace([withPatch(before, [1, 0, 1])]);
  expect(session.host.notice.value.text).toBe("attention of the patch at row 1, column 2, slice 2");
  pressEscape(session);
  expect(model.get("patch")).toBeNull();
  expect(session.state.selection.value).not.toBeNull();
  session.panes.replace([before]);
  pressEscape(session);
  expect(session.state.selection.value).toBeNull();
  expect(pressEscape(session)).toBe(false);
});

it("restores the previous explanation itself without a kernel", async () => {
  const { model, session, pane } = await open();
  const before = pane.payload.value;
  const [one, other] = [withPatch(before, [0, 0, 0]), withPatch(before, [1, 0, 0])];
  session.panes.replace([one]);
  session.panes.replace(named([other], () => "a patch"));
  expect(session.view.names.value).toEqual(["a patch"]);
  model.emit("destroy");
  session.actions.leavePatch();
  expect(pane.payload.value).toBe(before);
  expect(session.view.names.value).toEqual(["STAA"]);
});

it("says once why patches cannot be computed", async () => {
  const { model, session, pane } = await open({ kernel: true, computes: false, why: "It was loaded from a file." });
  session.actions.requestPatch(pane, [0, 0, 0]);
  expect(session.host.notice.value.text).toBe("It was loaded from a file.");
  session.host.notify("");
  session.actions.requestPatch(pane, [0, 0, 1]);
  expect(session.host.notice.value.text).toBe("");
  expect(model.requests("compute")).toEqual([]);
});

it("sends no request for models without attention", async () => {
  const { model, session, pane } = await open();
  const { meta } = pane.payload.value;
  const methods = meta.methods.map((method) => ({ ...method, group: "gradient" as const }));
  session.panes.replace([{ ...pane.payload.value, meta: { ...meta, methods } }]);
  session.actions.requestPatch(pane, [0, 0, 0]);
  expect(session.host.notice.value.text).toContain("cannot be read");
  expect(model.requests("compute")).toEqual([]);
});

it("does not leave the patch on an exported page", () => {
  const model = new LocalModel(payloadTraits());
  const until = controller().signal;
  const payloads = readPayloads(model).map((payload) => withPatch(payload, null));
  const host = connect(model, () => false, until);
  const session = openSession(payloads, createState(model, until), host, until);
  expect(session.actions.leavePatch()).toBe(false);
  session.actions.requestPatch(session.panes.all[0], [0, 0, 0]);
  expect(host.notice.value.text).toContain("open this in a notebook");
});
