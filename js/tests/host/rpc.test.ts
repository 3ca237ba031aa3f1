import { describe, expect, it, vi } from "vitest";
import type { Op } from "../../src/core/generated.js";
import type { Json } from "../../src/core/json.js";
import { type Failure, type Progress, readAnswer } from "../../src/host/messages.js";
import { createRequestRunner } from "../../src/host/requests.js";
import { openRpc, type Rejection } from "../../src/host/rpc.js";
import { controller, FakeModel, fixture } from "../fake.js";

// test_service.py holds the kernel's side against the same file.
interface Conversation {
  name: string;
  request: { op: Op; args: { [key: string]: Json } };
  cancel?: object;
  answers: { progress?: Progress; ok?: boolean; result?: object; error?: Failure }[];
}
interface Refused {
  name: string;
  request: unknown;
  message: string;
  hint: string;
}
const file: { conversations: Conversation[]; refused: Refused[]; ignored: Refused[] } = fixture("messages");

function open() {
  const model = new FakeModel();
  const ended = controller();
  const overheard = vi.fn();
  return { model, ended, overheard, rpc: openRpc(model, ended.signal, overheard) };
}

const settled = (answer: Promise<unknown>) => answer.catch((refusal: Rejection) => refusal);

describe.each(file.conversations)("conversation: $name", ({ request, cancel, answers }) => {
  it("is led as written down", async () => {
    const { model, rpc } = open();
    const reported: unknown[] = [];
    const { id, answer } = rpc.request(request.op, request.args, (progress) => reported.push(progress));
    expect(model.sent).toEqual([{ ...request, id }]);
    if (cancel) {
      rpc.cancel(id);
      expect(model.sent.at(-1)).toEqual({ ...cancel, id });
    }
    for (const said of answers) model.emit("msg:custom", { ...said, id });
    const last = answers.at(-1)!;
    const outcome = await settled(answer);
    if (last.ok) expect(outcome).toEqual({ result: last.result, buffers: [] });
    else if (cancel) expect((outcome as Rejection).failure.type).toBe(last.error?.type);
    else expect((outcome as Rejection).failure).toEqual(last.error);
    // What comes after a cancel is of no interest any more.
    expect(reported).toEqual(cancel ? [] : answers.slice(0, -1).map((said) => said.progress));
  });
});

describe("messages that are no answer", () => {
  it.each(file.ignored)("$name", ({ request }) => {
    expect(readAnswer(request)).toBeNull();
  });
  it.each([[null], ["hello"], [{ v: 1, id: "a", ok: true, result: {} }], [{ id: "a", response: {} }], [undefined]])(
    "%j",
    (content) => {
      const { model, rpc } = open();
      rpc.request("hello");
      expect(() => model.emit("msg:custom", content)).not.toThrow();
      expect(readAnswer(content)).toBeNull();
    },
  );
});

it.each(file.refused)("a request refused for $name is told with what to do", async ({ message, hint }) => {
  const { model, rpc } = open();
  const { answer } = rpc.request("hello");
  const error = { type: "ProtocolError", message, hint, traceback: "" };
  model.answer("hello", { ok: false, error });
  expect(((await settled(answer)) as Rejection).failure).toEqual(error);
});

describe("Rpc", () => {
  it("lets the latest request of an op win and leaves other ops alone", async () => {
    const { model, rpc } = open();
    const hello = rpc.request("hello");
    const first = rpc.request("compute", { target: 1 });
    const second = rpc.request("compute", { target: 2 });
    expect(((await settled(first.answer)) as Rejection).failure.type).toBe("CancelledError");
    expect(model.sent.map(({ op, id }) => [op, id])).toEqual([
      ["hello", hello.id],
      ["compute", first.id],
      ["cancel", first.id],
      ["compute", second.id],
    ]);
    model.emit("msg:custom", { v: 2, id: first.id, ok: true, result: { target: 1 } });
    model.emit("msg:custom", { v: 2, id: second.id, ok: true, result: { target: 2 } });
    expect((await second.answer).result).toEqual({ target: 2 });
    model.emit("msg:custom", { v: 2, id: hello.id, ok: true, result: {} });
    expect((await hello.answer).result).toEqual({});
  });
  it("puts together what comes in pieces", async () => {
    const { model, rpc } = open();
    const { id, answer } = rpc.request("export");
    const piece = (value: number) => [new DataView(Uint8Array.of(value).buffer)];
    model.emit("msg:custom", { v: 2, id, progress: { done: 1, total: 2, label: "sending" } }, piece(1));
    model.emit("msg:custom", { v: 2, id, ok: true, result: { name: "x" } }, piece(2));
    const { result, buffers } = await answer;
    expect(result).toEqual({ name: "x" });
    expect(buffers.map((bytes) => (bytes as DataView).getUint8(0))).toEqual([1, 2]);
  });
  it("fails, and does not wait, where the connection is closed", async () => {
    const { model, rpc } = open();
    model.send = () => {
      throw new Error("Canceled");
    };
    const { failure } = (await settled(rpc.request("compute").answer)) as Rejection;
    expect(failure.message).toContain("Canceled");
    expect(failure.type).toBe("ConnectionError");
  });
  it("ends what is open when it ends, and listens no more", async () => {
    const { model, ended, rpc } = open();
    const { answer } = rpc.request("compute");
    ended.abort();
    expect(((await settled(answer)) as Rejection).failure.type).toBe("CancelledError");
    expect(model.listening).toBe(0);
  });
  it("tells the answers of other views from late ones of its own", async () => {
    const { model, rpc, overheard } = open();
    const { id, answer } = rpc.request("compute");
    rpc.cancel(id);
    await settled(answer);
    model.emit("msg:custom", { v: 2, id, ok: true, result: {} });
    expect(overheard).not.toHaveBeenCalled();
    model.emit("msg:custom", { v: 2, id: "other-1", progress: { done: 1, total: 2, label: "model" } });
    expect(overheard).toHaveBeenCalledOnce();
  });
});

describe("Work", () => {
  const start = () => {
    const { model, rpc } = open();
    return { model, work: createRequestRunner(rpc) };
  };
  const turn = () => new Promise<void>((done) => setTimeout(done));

  it("shows how far it is, and ends", async () => {
    const { model, work } = start();
    work.start({ target: 3 });
    expect(work.running.value).toMatchObject({ request: { target: 3 }, progress: null });
    model.answer("compute", { progress: { done: 1, total: 2, label: "model" } });
    expect(work.running.value?.progress).toEqual({ done: 1, total: 2, label: "model" });
    model.answer("compute", { ok: true, result: {} });
    await turn();
    expect([work.running.value, work.failed.value]).toEqual([null, null]);
  });
  it("keeps a failure until it is tried again, with the same request", async () => {
    const { model, work } = start();
    const error = { type: "ModelError", message: "No.", hint: "Do.", traceback: "" };
    work.start({ method: "staa_logit", target: 1 });
    model.answer("compute", { ok: false, error });
    await turn();
    expect(work.running.value).toBeNull();
    expect(work.failed.value).toEqual({ request: { method: "staa_logit", target: 1 }, failure: error });
    work.start(work.failed.value!.request);
    expect(work.failed.value).toBeNull();
    expect(model.asked("compute").at(-1)!.args).toEqual({ method: "staa_logit", target: 1 });
  });
  it("is cancelled at once and without an error", async () => {
    const { model, work } = start();
    work.start({ target: 1 });
    work.cancel();
    expect(work.running.value).toBeNull();
    await turn();
    expect(work.failed.value).toBeNull();
    expect(model.sent.map(({ op }) => op)).toEqual(["compute", "cancel"]);
  });
  it("makes no error of it when the kernel cancels, as for another view's newer request", async () => {
    const { model, work } = start();
    work.start({ target: 1 });
    model.answer("compute", { ok: false, error: { type: "CancelledError", message: "", hint: "", traceback: "" } });
    await turn();
    expect([work.running.value, work.failed.value]).toEqual([null, null]);
  });
  it("does not let an outpaced request end or fail a newer one", async () => {
    const { model, work } = start();
    work.start({ target: 1 });
    work.start({ target: 2 });
    await turn();
    expect(work.running.value?.request).toEqual({ target: 2 });
    expect(work.failed.value).toBeNull();
    expect(model.asked("compute")).toHaveLength(2);
  });
  it("follows another view of the same model, and yields to its own", () => {
    const { work } = start();
    const progress = { done: 1, total: 4, label: "model" };
    work.overhear("other-1", progress);
    expect(work.running.value).toMatchObject({ id: "other-1", progress });
    work.start({ target: 2 });
    work.overhear("other-1", progress);
    expect(work.running.value?.request).toEqual({ target: 2 });
    work.cancel();
    work.overhear("other-2", progress);
    work.overhear("other-2", null);
    expect(work.running.value).toBeNull();
  });
});
