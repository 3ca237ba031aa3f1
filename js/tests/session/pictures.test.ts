import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MAX_FRAMES } from "../../src/core/generated.js";
import { remoteStore } from "../../src/frames/remote.js";
import { connect } from "../../src/host/connection.js";
import { readPayloads } from "../../src/host/payload.js";
import { createState } from "../../src/host/settings_sync.js";
import { openSession } from "../../src/session/session.js";
import { controller, FakeModel, FakeSignal, payloadTraits } from "../fake.js";

const turn = () => new Promise<void>((done) => setTimeout(done));

/** Open bitmaps, by the text of their file. */
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

const nameOf = (picture: unknown) => (picture as { name?: string } | undefined)?.name;
const file = (name: string) => new TextEncoder().encode(name);

/** The answer to a request for a run of frames: the file of frame 7 is the text `7`. */
function answer(first: number, count = MAX_FRAMES) {
  const files = Array.from({ length: count }, (_, i) => String(first + i));
  const offsets = [0];
  for (const { length } of files) offsets.push(offsets.at(-1)! + length);
  return { offsets, bytes: file(files.join("")) };
}

function store(room?: number) {
  const previewFrames = [0, 50, 99];
  return remoteStore(
    previewFrames.map((frame) => file(`poster ${frame}`)),
    previewFrames,
    100,
    [4, 4],
    room,
  );
}

it("shows the nearest preview frame until the run arrives, and then the frame itself", async () => {
  const pictures = store();
  expect(pictures.peek(40)).toBeUndefined();
  expect(nameOf(await pictures.load(40))).toBe("poster 50");
  expect([nameOf(pictures.peek(40)), pictures.shownPosition(40)]).toEqual(["poster 50", 50]);
  const { offsets, bytes } = answer(32);
  pictures.put(1, offsets, bytes);
  // No stand-in any more: the drawn picture stays until the frame is decoded.
  expect([pictures.peek(40), pictures.shownPosition(40)]).toEqual([undefined, 40]);
  expect(nameOf(await pictures.load(40))).toBe("40");
  expect(pictures.cachedRuns.value).toEqual([1]);
  // A preview frame needs no stand-in.
  expect([nameOf(await pictures.load(99)), pictures.shownPosition(99)]).toEqual(["poster 99", 99]);
});

it("requests the current run, two ahead and one behind in the direction of playback", () => {
  const pictures = store();
  pictures.prepare(70);
  expect([0, 1, 2, 3].map((place) => pictures.missing(place))).toEqual([2, 3, undefined, 1]);
  pictures.prepare(69);
  expect([0, 1, 2, 3].map((place) => pictures.missing(place))).toEqual([2, 1, 0, 3]);
  const { offsets, bytes } = answer(64);
  pictures.put(2, offsets, bytes);
  expect(pictures.missing(0)).toBeUndefined();
});

it("is ready for frames that have arrived or will never arrive", () => {
  const pictures = store();
  expect([pictures.ready(40), pictures.ready(50)]).toEqual([false, true]);
  const { offsets, bytes } = answer(32, 4);
  pictures.put(1, offsets, bytes);
  // After a damaged frame, the rest of its run stays at the preview.
  expect([pictures.ready(40), pictures.shownPosition(35), pictures.shownPosition(40)]).toEqual([true, 35, 50]);
  pictures.prepare(70);
  pictures.fail(2);
  expect([pictures.ready(70), pictures.missing(0)]).toEqual([true, undefined]);
  // After moving elsewhere and back, the run is requested again.
  pictures.prepare(20);
  pictures.prepare(70);
  expect(pictures.missing(0)).toBe(2);
});

it("keeps the most recently used runs within its limit of bytes", () => {
  const [one, two, three] = [0, 1, 2].map((run) => answer(run * MAX_FRAMES));
  const pictures = store(one.bytes.length + two.bytes.length + 1);
  pictures.put(0, one.offsets, one.bytes);
  pictures.put(1, two.offsets, two.bytes);
  pictures.prepare(5);
  pictures.put(2, three.offsets, three.bytes);
  expect([...pictures.cachedRuns.value].sort()).toEqual([0, 2]);
});

it("closes all pictures, even one that is being decoded", async () => {
  const pictures = store();
  const { offsets, bytes } = answer(0);
  pictures.put(0, offsets, bytes);
  await pictures.load(3);
  const late = pictures.load(4);
  pictures.close();
  await late;
  expect([...open]).toEqual([]);
});

/** A long clip in a notebook: 200 frames with a preview of 3. */
async function openLongClip(live = true) {
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
    const first = model.requests("frames").at(-1)!.args.first as number;
    const { offsets, bytes } = answer(first);
    const { id } = model.requests("frames").at(-1)!;
    model.emit("msg:custom", { v: 2, id, ok: true, result: { first, offsets } }, [bytes]);
    await turn();
  };
  const firsts = () => model.requests("frames").map(({ args }) => args.first);
  return { model, session, until, deliver, firsts };
}

it("requests one run at a time, the current one first, and cancels runs that are no longer needed", async () => {
  const { model, session, deliver, firsts } = await openLongClip();
  expect(session.panes.all[0].complete).toBe(true);
  expect(session.panes.timeline.count).toBe(200);
  session.state.frame.value = 175;
  expect(firsts().at(-1)).toBe(164);
  expect(model.requests("frames").at(-1)!.args).toEqual({ first: 164, count: MAX_FRAMES, pane: 0 });
  await deliver();
  await deliver();
  await deliver();
  await deliver();
  expect(firsts().slice(-4)).toEqual([164, 196, 228, 132]);
  // With all runs loaded, moving within them sends no request.
  const before = model.sent.length;
  session.state.frame.value = 176;
  expect(model.sent.length).toBe(before);
  session.state.frame.value = 299;
  expect(firsts().at(-1)).toBe(292);
  session.state.frame.value = 105;
  await vi.waitFor(() => expect(model.sent.slice(-2).map(({ op }) => op)).toEqual(["cancel", "frames"]));
  expect(firsts().at(-1)).toBe(100);
});

it("retries after an error only at another position, and shows the error once", async () => {
  const { model, session, firsts } = await openLongClip();
  session.state.frame.value = 298;
  const refuse = async () => {
    model.answer("frames", { ok: false, error: { type: "VideoError", message: "Gone.", hint: "", traceback: "" } });
    await turn();
  };
  for (let i = 0; i < 4; i++) await refuse();
  const requestCount = firsts().length;
  expect(session.host.notice.value.text).toBe("Gone.");
  session.state.frame.value = 299;
  expect(firsts().length).toBe(requestCount);
  session.state.frame.value = 150;
  expect(firsts().length).toBe(requestCount + 1);
});

it("shows only the preview without a kernel, and cancels its request when it closes", async () => {
  const { model, session } = await openLongClip(false);
  expect([session.panes.all[0].complete, session.panes.timeline.frames, model.requests("frames")]).toEqual([
    false,
    [100, 200, 299],
    [],
  ]);
  const { model: other, until } = await openLongClip();
  expect(other.requests("frames").length).toBe(1);
  until.abort();
  expect(other.sent.at(-1)!.op).toBe("cancel");
});
