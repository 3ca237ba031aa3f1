import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MAX_FRAMES } from "../../src/core/generated.js";
import { remoteStore } from "../../src/frames/remote.js";
import { connect } from "../../src/host/connection.js";
import { readPayloads } from "../../src/host/payload.js";
import { createState } from "../../src/host/settings_sync.js";
import { openSession } from "../../src/session/session.js";
import { controller, FakeModel, FakeSignal, payloadTraits } from "../fake.js";

const turn = () => new Promise<void>((done) => setTimeout(done));

/** Pictures that are open, by what is written in their file. */
const open = new Set<string>();

beforeEach(() => {
  open.clear();
  vi.stubGlobal("createImageBitmap", async (blob: Blob) => {
    const name = await blob.text();
    open.add(name);
    return { name, close: () => open.delete(name) };
  });
});
afterEach(() => vi.unstubAllGlobals());

const named = (picture: unknown) => (picture as { name?: string } | undefined)?.name;
const file = (name: string) => new TextEncoder().encode(name);

/** The answer to a request for a run: the file of frame 7 is `7`. */
function answer(first: number, count = MAX_FRAMES) {
  const files = Array.from({ length: count }, (_, i) => String(first + i));
  const offsets = [0];
  for (const { length } of files) offsets.push(offsets.at(-1)! + length);
  return { offsets, bytes: file(files.join("")) };
}

function store(room?: number) {
  const kept = [0, 50, 99];
  return remoteStore(
    kept.map((at) => file(`poster ${at}`)),
    kept,
    100,
    [4, 4],
    room,
  );
}

it("stands the nearest kept frame in until the run is there, and then decodes the very frame", async () => {
  const pictures = store();
  expect(pictures.peek(40)).toBeUndefined();
  expect(named(await pictures.load(40))).toBe("poster 50");
  expect([named(pictures.peek(40)), pictures.shownPosition(40)]).toEqual(["poster 50", 50]);
  const { offsets, bytes } = answer(32);
  pictures.put(1, offsets, bytes);
  // No stand-in any more: what was drawn stays until the frame is decoded.
  expect([pictures.peek(40), pictures.shownPosition(40)]).toEqual([undefined, 40]);
  expect(named(await pictures.load(40))).toBe("40");
  expect(pictures.cachedRuns.value).toEqual([1]);
  // A frame that was kept is the frame.
  expect([named(await pictures.load(99)), pictures.shownPosition(99)]).toEqual(["poster 99", 99]);
});

it("wants the run on show, two ahead and one behind in the direction of travel", () => {
  const pictures = store();
  pictures.prepare(70);
  expect([0, 1, 2, 3].map((place) => pictures.missing(place))).toEqual([2, 3, undefined, 1]);
  pictures.prepare(69);
  expect([0, 1, 2, 3].map((place) => pictures.missing(place))).toEqual([2, 1, 0, 3]);
  const { offsets, bytes } = answer(64);
  pictures.put(2, offsets, bytes);
  expect(pictures.missing(0)).toBeUndefined();
});

it("lets playback go on to what is there or will never be", () => {
  const pictures = store();
  expect([pictures.ready(40), pictures.ready(50)]).toEqual([false, true]);
  const { offsets, bytes } = answer(32, 4);
  pictures.put(1, offsets, bytes);
  // Of a run cut short by a damaged frame the rest stays as it was kept.
  expect([pictures.ready(40), pictures.shownPosition(35), pictures.shownPosition(40)]).toEqual([true, 35, 50]);
  pictures.prepare(70);
  pictures.fail(2);
  expect([pictures.ready(70), pictures.missing(0)]).toEqual([true, undefined]);
  // Elsewhere, and back again, it is asked for anew.
  pictures.prepare(20);
  pictures.prepare(70);
  expect(pictures.missing(0)).toBe(2);
});

it("keeps the runs used last, within its room", () => {
  const [one, two, three] = [0, 1, 2].map((run) => answer(run * MAX_FRAMES));
  const pictures = store(one.bytes.length + two.bytes.length + 1);
  pictures.put(0, one.offsets, one.bytes);
  pictures.put(1, two.offsets, two.bytes);
  pictures.prepare(5);
  pictures.put(2, three.offsets, three.bytes);
  expect([...pictures.cachedRuns.value].sort()).toEqual([0, 2]);
});

it("leaves no picture open, not even one that is decoded when it closes", async () => {
  const pictures = store();
  const { offsets, bytes } = answer(0);
  pictures.put(0, offsets, bytes);
  await pictures.load(3);
  const late = pictures.load(4);
  pictures.close();
  await late;
  expect([...open]).toEqual([]);
});

/** A long clip in a notebook: 200 frames of which 3 were kept. */
async function watching(live = true) {
  const traits = payloadTraits();
  const meta = traits._meta as { frames: object; pictures: object | null };
  meta.frames = { first: 100, total: 200, kept: [100, 200, 299], live };
  meta.pictures = { size: [4, 4], offsets: [0, 1, 2, 3] };
  traits._frames = file("abc");
  traits._times = new Uint8Array(Float64Array.from({ length: 200 }, (_, i) => 2 + i / 100).buffer);
  const model = new FakeModel(traits, { status: "idle", statusChanged: new FakeSignal() });
  const until = controller();
  const host = connect(model, () => false, until.signal);
  const session = openSession(readPayloads(model), createState(model, until.signal), host, until.signal);
  const deliver = async () => {
    const first = model.asked("frames").at(-1)!.args.first as number;
    const { offsets, bytes } = answer(first);
    const { id } = model.asked("frames").at(-1)!;
    model.emit("msg:custom", { v: 2, id, ok: true, result: { first, offsets } }, [bytes]);
    await turn();
  };
  const firsts = () => model.asked("frames").map(({ args }) => args.first);
  return { model, session, until, deliver, firsts };
}

it("asks for one run at a time, the one on show first, and cancels what was passed", async () => {
  const { model, session, deliver, firsts } = await watching();
  expect(session.panes.all[0].complete).toBe(true);
  expect(session.panes.timeline.count).toBe(200);
  session.state.frame.value = 175;
  expect(firsts().at(-1)).toBe(164);
  expect(model.asked("frames").at(-1)!.args).toEqual({ first: 164, count: MAX_FRAMES, pane: 0 });
  await deliver();
  await deliver();
  await deliver();
  await deliver();
  expect(firsts().slice(-4)).toEqual([164, 196, 228, 132]);
  // All there: nothing more is asked for, and moving inside asks for nothing.
  const before = model.sent.length;
  session.state.frame.value = 176;
  expect(model.sent.length).toBe(before);
  session.state.frame.value = 299;
  expect(firsts().at(-1)).toBe(292);
  session.state.frame.value = 105;
  await vi.waitFor(() => expect(model.sent.slice(-2).map(({ op }) => op)).toEqual(["cancel", "frames"]));
  expect(firsts().at(-1)).toBe(100);
});

it("goes on after an error elsewhere only, and says it once", async () => {
  const { model, session, firsts } = await watching();
  session.state.frame.value = 298;
  const refuse = async () => {
    model.answer("frames", { ok: false, error: { type: "VideoError", message: "Gone.", hint: "", traceback: "" } });
    await turn();
  };
  for (let i = 0; i < 4; i++) await refuse();
  const asked = firsts().length;
  expect(session.host.notice.value.text).toBe("Gone.");
  session.state.frame.value = 299;
  expect(firsts().length).toBe(asked);
  session.state.frame.value = 150;
  expect(firsts().length).toBe(asked + 1);
});

it("shows what was kept where nobody has the rest, and stops asking when it is taken down", async () => {
  const { model, session } = await watching(false);
  expect([session.panes.all[0].complete, session.panes.timeline.frames, model.asked("frames")]).toEqual([
    false,
    [100, 200, 299],
    [],
  ]);
  const { model: other, until } = await watching();
  expect(other.asked("frames").length).toBe(1);
  until.abort();
  expect(other.sent.at(-1)!.op).toBe("cancel");
});
