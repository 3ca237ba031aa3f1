import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connect } from "../../src/host/connection.js";
import { LocalModel } from "../../src/host/model.js";
import { controller, FakeModel, FakeSignal } from "../fake.js";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const READY = { ok: true, result: { kernel: true, computes: true, why: "" } };
const turn = () => vi.advanceTimersByTimeAsync(0);

/** A kernel as JupyterLab provides it: each status comes with its message. */
class FakeKernel {
  status = "idle";
  readonly statusChanged = new FakeSignal<string>();
  readonly iopubMessage = new FakeSignal<unknown>();
  readonly disposed = new FakeSignal<undefined>();

  emitStatus(status: string, msg_type: string, msg_id: string, subshell_id: string | null = null): void {
    this.status = status;
    this.statusChanged.emit(status);
    this.iopubMessage.emit({
      header: { msg_type: "status" },
      parent_header: { msg_type, msg_id, subshell_id },
      content: { execution_state: status },
    });
  }
}

function open(kernel: unknown = null) {
  const model = new FakeModel({}, kernel);
  const ended = controller();
  const view = { disconnected: false };
  const host = connect(model, () => view.disconnected, ended.signal);
  return { model, ended, view, host, kernel: host.kernel };
}

describe("a page", () => {
  it("has no kernel and no reason to show", () => {
    const { kernel } = connect(new LocalModel({}), () => false, controller().signal);
    expect([kernel.state.value, kernel.canCompute.value, kernel.reason.value]).toEqual(["none", false, ""]);
  });
});

describe("in JupyterLab", () => {
  it("is ready, and can compute after the answer to `hello`", async () => {
    const { model, kernel } = open(new FakeKernel());
    expect([kernel.state.value, kernel.canCompute.value]).toEqual(["ready", false]);
    model.answer("hello", READY);
    await turn();
    expect([kernel.state.value, kernel.canCompute.value, kernel.reason.value]).toEqual(["ready", true, ""]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(model.requests("hello")).toHaveLength(1);
  });
  it("says why nothing can be computed", async () => {
    const { model, kernel } = open(new FakeKernel());
    model.answer("hello", { ok: true, result: { kernel: true, computes: false, why: "Loaded from a file." } });
    await turn();
    expect([kernel.canCompute.value, kernel.reason.value]).toEqual([false, "Loaded from a file."]);
  });
  it("shows the error of a kernel of another version", async () => {
    const { model, kernel } = open(new FakeKernel());
    const error = { type: "ProtocolError", message: "Another version.", hint: "Restart.", traceback: "" };
    model.answer("hello", { ok: false, error });
    await turn();
    expect([kernel.canCompute.value, kernel.reason.value]).toEqual([false, "Another version. Restart."]);
  });
  it("is busy while a cell runs for longer than half a second", async () => {
    const lab = new FakeKernel();
    const { model, kernel } = open(lab);
    model.answer("hello", READY);
    await turn();
    lab.emitStatus("busy", "execute_request", "c1");
    await vi.advanceTimersByTimeAsync(300);
    expect(kernel.state.value).toBe("ready");
    await vi.advanceTimersByTimeAsync(300);
    expect(kernel.state.value).toBe("busy");
    expect(kernel.reason.value).toContain("running a notebook cell");
    expect(kernel.canCompute.value).toBe(true);
    lab.emitStatus("idle", "execute_request", "c1");
    expect([kernel.state.value, kernel.reason.value]).toEqual(["ready", ""]);
  });
  it("does not flicker for short cells", async () => {
    const lab = new FakeKernel();
    const { model, kernel } = open(lab);
    model.answer("hello", READY);
    for (let cell = 0; cell < 5; cell++) {
      lab.emitStatus("busy", "execute_request", `c${cell}`);
      await vi.advanceTimersByTimeAsync(300);
      lab.emitStatus("idle", "execute_request", `c${cell}`);
      expect(kernel.state.value).toBe("ready");
    }
    await vi.advanceTimersByTimeAsync(1000);
    expect(kernel.state.value).toBe("ready");
  });
  it("stays busy when a subshell answers a player during a cell", async () => {
    const lab = new FakeKernel();
    const { kernel, model } = open(lab);
    model.answer("hello", READY);
    lab.emitStatus("busy", "execute_request", "c1");
    await vi.advanceTimersByTimeAsync(600);
    lab.emitStatus("busy", "comm_msg", "m1", "sub-1");
    lab.emitStatus("idle", "comm_msg", "m1", "sub-1");
    expect(kernel.state.value).toBe("busy");
    lab.emitStatus("idle", "execute_request", "c1");
    expect(kernel.state.value).toBe("ready");
  });
  it("is busy when opened during a cell, until the cell ends", async () => {
    const lab = new FakeKernel();
    lab.status = "busy";
    const { kernel, model } = open(lab);
    model.answer("hello", READY);
    await vi.advanceTimersByTimeAsync(600);
    expect(kernel.state.value).toBe("busy");
    lab.emitStatus("idle", "comm_msg", "m1", "sub-1");
    expect(kernel.state.value).toBe("busy");
    lab.emitStatus("idle", "execute_request", "c0");
    expect(kernel.state.value).toBe("ready");
  });
  it("follows the status alone without access to messages", async () => {
    const statusChanged = new FakeSignal<string>();
    const { kernel, model } = open({ status: "idle", statusChanged });
    model.answer("hello", READY);
    statusChanged.emit("busy");
    await vi.advanceTimersByTimeAsync(600);
    expect(kernel.state.value).toBe("busy");
    statusChanged.emit("idle");
    expect(kernel.state.value).toBe("ready");
  });
  it.each(["restarting", "autorestarting", "dead", "terminating"])("is gone when it is %s", async (status) => {
    const lab = new FakeKernel();
    const { kernel, model, host } = open(lab);
    model.answer("hello", READY);
    await turn();
    host.computation.start({ target: 1 });
    lab.emitStatus(status, "shutdown_request", "s");
    await turn();
    expect([kernel.state.value, kernel.canCompute.value]).toEqual(["gone", false]);
    expect(kernel.reason.value).toContain("Run the notebook cell again");
    expect([host.computation.running.value, host.computation.failed.value]).toEqual([null, null]);
  });
  it("is gone when its connection is disposed, as after a shutdown", () => {
    const lab = new FakeKernel();
    const { kernel } = open(lab);
    lab.disposed.emit(undefined);
    expect(kernel.state.value).toBe("gone");
  });
  it("is gone in a reopened notebook, and sends no request", () => {
    const model = new FakeModel({}, null);
    const { kernel } = connect(model, () => true, controller().signal);
    expect(kernel.state.value).toBe("gone");
    expect(model.sent).toEqual([]);
  });
  it.each(["the model", "the view"])("follows the state of its comm, as reported by %s", async (source) => {
    const { kernel, model, view } = open(new FakeKernel());
    const live = (is: boolean) => {
      if (source === "the model") model.view.model.comm_live = is;
      else view.disconnected = !is;
    };
    model.answer("hello", READY);
    live(false);
    model.emit("comm_live_update");
    await turn();
    expect(kernel.state.value).toBe("gone");
    live(true);
    model.emit("comm_live_update");
    expect(model.requests("hello")).toHaveLength(2);
    model.answer("hello", READY);
    await turn();
    expect([kernel.state.value, kernel.canCompute.value]).toEqual(["ready", true]);
  });
  it("is gone when sending fails", async () => {
    const model = new FakeModel({}, new FakeKernel());
    model.send = () => {
      throw new Error("Cannot send");
    };
    const { kernel } = connect(model, () => false, controller().signal);
    await turn();
    expect(kernel.state.value).toBe("gone");
  });
  it("leaves no slot, listener or timer behind", async () => {
    const lab = new FakeKernel();
    const { model, ended } = open(lab);
    lab.emitStatus("busy", "execute_request", "c1");
    ended.abort();
    expect(model.listening).toBe(0);
    expect(lab.statusChanged.slots.size + lab.iopubMessage.slots.size + lab.disposed.slots.size).toBe(0);
    await turn();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("in a host without kernel status", () => {
  it("sends `hello` now and then, and treats silence as busy", async () => {
    const { kernel, model, ended } = open();
    await vi.advanceTimersByTimeAsync(600);
    expect(kernel.state.value).toBe("busy");
    expect(kernel.reason.value).toContain("does not answer");
    model.answer("hello", READY);
    await turn();
    expect([kernel.state.value, kernel.canCompute.value]).toEqual(["ready", true]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(model.requests("hello")).toHaveLength(2);
    // Only one request is open at a time.
    await vi.advanceTimersByTimeAsync(30_000);
    expect(model.requests("hello")).toHaveLength(2);
    expect(kernel.state.value).toBe("busy");
    ended.abort();
    await turn();
    expect(vi.getTimerCount()).toBe(0);
  });
  it("sends no request from a hidden page", async () => {
    const { model } = open();
    model.answer("hello", READY);
    vi.stubGlobal("document", { hidden: true });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(model.requests("hello")).toHaveLength(1);
  });
});
