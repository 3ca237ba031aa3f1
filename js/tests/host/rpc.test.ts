import { describe, expect, it, vi } from "vitest";
import type { Op } from "../../src/core/generated.js";
import type { Json } from "../../src/core/json.js";
import { type Failure, type Progress, readAnswer } from "../../src/host/messages.js";
import { createRequestRunner } from "../../src/host/requests.js";
import { openRpc, type Rejection } from "../../src/host/rpc.js";
import { controller, FakeModel, fixture } from "../fake.js";

// tests/widget/test_service.py compares the kernel's side with the same file.
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

const outcomeOf = (answer: Promise<unknown>) => answer.catch((refusal: Rejection) => refusal);

describe.each(file.conversations)("conversation: $name", ({ request, cancel, answers }) => {
  it("matches the file", async () => {
    const { model, rpc } = open();
    const reported: unknown[] = [];
    const { id, answer } = rpc.request(request.op, request.args, (progress) => reported.push(progress));
    expect(model.sent).toEqual([{ ...request, id }]);
    if (cancel) {
      rpc.cancel(id);
      expect(model.sent.at(-1)).toEqual({ ...cancel, id });
    }
    for (const message of answers) model.emit("msg:custom", { ...message, id });
    const last = answers.at(-1)!;
    const outcome = await outcomeOf(answer);
    if (last.ok) expect(outcome).toEqual({ result: last.result, buffers: [] });
    else if (cancel) expect((outcome as Rejection).failure.type).toBe(last.error?.type);
    else expect((outcome as Rejection).failure).toEqual(last.error);
    // Messages after a cancel are ignored.
    expect(reported).toEqual(cancel ? [] : answers.slice(0, -1).map((message) => message.progress));
  });
});

describe("messages that are not answers", () => {
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

it.each(file.refused)("a request refused for $name shows message and hint", async ({ message, hint }) => {
  const { model, rpc } = open();
  const { answer } = rpc.request("hello");
  const error = { type: "ProtocolError", message, hint, traceback: "" };
  model.answer("hello", { ok: false, error });
  expect(((await outcomeOf(answer)) as Rejection).failure).toEqual(error);
});

describe("Rpc", () => {
  it("cancels an older request of the same operation and leaves others alone", async () => {
    const { model, rpc } = open();
    const hello = rpc.request("hello");
    const first = rpc.request("compute", { target: 1 });
    const second = rpc.request("compute", { target: 2 });
    expect(((await outcomeOf(first.answer)) as Rejection).failure.type).toBe("CancelledError");
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
  it("joins an answer that is sent in pieces", async () => {
    const { model, rpc } = open();
    const { id, answer } = rpc.request("export");
    const piece = (value: number) => [new DataView(Uint8Array.of(value).buffer)];
    model.emit("msg:custom", { v: 2, id, progress: { done: 1, total: 2, label: "sending" } }, piece(1));
    model.emit("msg:custom", { v: 2, id, ok: true, result: { name: "x" } }, piece(2));
    const { result, buffers } = await answer;
    expect(result).toEqual({ name: "x" });
    expect(buffers.map((bytes) => (bytes as DataView).getUint8(0))).toEqual([1, 2]);
  });
  it("fails at once when the connection is closed", async () => {
    const { model, rpc } = open();
    model.send = () => {
      throw new Error("Canceled");
    };
    const { failure } = (await outcomeOf(rpc.request("compute").answer)) as Rejection;
    expect(failure.message).toContain("Canceled");
    expect(failure.type).toBe("ConnectionError");
  });
  it("cancels open requests when it ends, and removes its listener", async () => {
    const { model, ended, rpc } = open();
    const { answer } = rpc.request("compute");
    ended.abort();
    expect(((await outcomeOf(answer)) as Rejection).failure.type).toBe("CancelledError");
    expect(model.listening).toBe(0);
  });
  it("tells answers to other views from its own late ones", async () => {
    const { model, rpc, overheard } = open();
    const { id, answer } = rpc.request("compute");
    rpc.cancel(id);
    await outcomeOf(answer);
    model.emit("msg:custom", { v: 2, id, ok: true, result: {} });
    expect(overheard).not.toHaveBeenCalled();
    model.emit("msg:custom", { v: 2, id: "other-1", progress: { done: 1, total: 2, label: "model" } });
    expect(overheard).toHaveBeenCalledOnce();
  });
});

describe("the request runner", () => {
  const start = () => {
    const { model, rpc } = open();
    return { model, runner: createRequestRunner(rpc) };
  };
  const turn = () => new Promise<void>((done) => setTimeout(done));

  it("shows progress, and ends", async () => {
    const { model, runner } = start();
    runner.start({ target: 3 });
    expect(runner.running.value).toMatchObject({ request: { target: 3 }, progress: null });
    model.answer("compute", { progress: { done: 1, total: 2, label: "model" } });
    expect(runner.running.value?.progress).toEqual({ done: 1, total: 2, label: "model" });
    model.answer("compute", { ok: true, result: {} });
    await turn();
    expect([runner.running.value, runner.failed.value]).toEqual([null, null]);
  });
  it("keeps a failure until the same request is retried", async () => {
    const { model, runner } = start();
    const error = { type: "ModelError", message: "No.", hint: "Do.", traceback: "" };
    runner.start({ method: "staa_logit", target: 1 });
    model.answer("compute", { ok: false, error });
    await turn();
    expect(runner.running.value).toBeNull();
    expect(runner.failed.value).toEqual({ request: { method: "staa_logit", target: 1 }, failure: error });
    runner.start(runner.failed.value!.request);
    expect(runner.failed.value).toBeNull();
    expect(model.requests("compute").at(-1)!.args).toEqual({ method: "staa_logit", target: 1 });
  });
  it("is canceled at once and without an error", async () => {
    const { model, runner } = start();
    runner.start({ target: 1 });
    runner.cancel();
    expect(runner.running.value).toBeNull();
    await turn();
    expect(runner.failed.value).toBeNull();
    expect(model.sent.map(({ op }) => op)).toEqual(["compute", "cancel"]);
  });
  it("shows no error when the kernel cancels, as for a newer request of another view", async () => {
    const { model, runner } = start();
    runner.start({ target: 1 });
    model.answer("compute", { ok: false, error: { type: "CancelledError", message: "", hint: "", traceback: "" } });
    await turn();
    expect([runner.running.value, runner.failed.value]).toEqual([null, null]);
  });
  it("is not affected by the end of an older request", async () => {
    const { model, runner } = start();
    runner.start({ target: 1 });
    runner.start({ target: 2 });
    await turn();
    expect(runner.running.value?.request).toEqual({ target: 2 });
    expect(runner.failed.value).toBeNull();
    expect(model.requests("compute")).toHaveLength(2);
  });
  it("shows the progress of another view, but prefers its own request", () => {
    const { runner } = start();
    const progress = { done: 1, total: 4, label: "model" };
    runner.overhear("other-1", progress);
    expect(runner.running.value).toMatchObject({ id: "other-1", progress });
    runner.start({ target: 2 });
    runner.overhear("other-1", progress);
    expect(runner.running.value?.request).toEqual({ target: 2 });
    runner.cancel();
    runner.overhear("other-2", progress);
    runner.overhear("other-2", null);
    expect(runner.running.value).toBeNull();
  });
});
