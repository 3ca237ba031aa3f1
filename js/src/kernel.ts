import type { Listener, Model } from "./model.js";
import { CANCELLED, type Refusal, type Rpc, UNREACHABLE } from "./rpc.js";
import { computed, type ReadonlySignal, signal } from "./signals.js";
import { watch } from "./state.js";

/** `none`: a page without one; `busy`: it runs something else and answers late; `gone`: what made this player is over. */
export type KernelState = "none" | "ready" | "busy" | "gone";

export interface Kernel {
  readonly state: ReadonlySignal<KernelState>;
  /** Whether a method or a class can be asked for. */
  readonly computes: ReadonlySignal<boolean>;
  /** What is missing and what to do, or how it goes on; empty where there is nothing to say. */
  readonly why: ReadonlySignal<string>;
}

/** Milliseconds of silence, or of a running cell, that count as busy: what is shorter would only flicker. */
const PATIENCE = 500;

/** Milliseconds between two questions where the host does not tell how its kernel is. */
const INTERVAL = 5000;

const BUSY = "The kernel is running a cell. The player goes on working; a new method or class may have to wait for it.";
const GONE =
  "The kernel that made this player is gone. All that is on show still works; to choose a method or a class, run the cell again.";

/** The parts of JupyterLab's connection to a kernel that are used here. */
interface Connection {
  status: string;
  statusChanged: Source<string>;
  disposed?: Source<unknown>;
  iopubMessage?: Source<Message>;
}

interface Source<T> {
  connect(slot: (sender: unknown, value: T) => void): void;
  disconnect(slot: (sender: unknown, value: T) => void): void;
}

interface Message {
  header: { msg_type: string };
  parent_header: { msg_id?: string; msg_type?: string; subshell_id?: string | null };
  content: { execution_state?: string };
}

/** Follow the kernel behind a model; `disconnected` tells whether the host marked the view as cut off. */
export function watchKernel(model: Model, rpc: Rpc, disconnected: () => boolean, until: AbortSignal): Kernel {
  if (!model.send) return { state: signal("none"), computes: signal(false), why: signal("") };
  const alive = signal(!disconnected());
  const running = signal(false);
  const silent = signal(false);
  const reply = signal<{ computes: boolean; why: string } | null>(null);
  const state = computed(
    (): KernelState => (alive.value ? (running.value || silent.value ? "busy" : "ready") : "gone"),
  );

  const lost = () => {
    alive.value = false;
  };
  const late = timer(until);
  let asked = false;
  const answered = () => {
    late.stop();
    asked = false;
    silent.value = false;
  };
  const hello = () => {
    if (asked || !alive.peek()) return;
    asked = true;
    late.start(PATIENCE, () => {
      silent.value = true;
    });
    rpc.request("hello").answer.then(
      ({ result }) => {
        answered();
        reply.value = { computes: result.computes === true, why: String(result.why ?? "") };
      },
      ({ failure }: Refusal) => {
        answered();
        if (failure.type === UNREACHABLE) lost();
        else if (failure.type !== CANCELLED)
          reply.value = { computes: false, why: `${failure.message} ${failure.hint}` };
      },
    );
  };

  const connection = connectionOf(model);
  if (connection) follow(connection, running, lost, until);
  else {
    const interval = setInterval(() => document.hidden || hello(), INTERVAL);
    until.addEventListener("abort", () => clearInterval(interval));
  }
  // After a restart. The host's view marks itself when it is made; later only its model knows, and anywidget calls
  // listeners on the view.
  const look: Listener = function (this: unknown) {
    const live = (this as { model?: { comm_live?: boolean } } | undefined)?.model?.comm_live;
    alive.value = live ?? !disconnected();
  };
  listen(model, "comm_live_update", look, until);
  listen(model, "destroy", lost, until);
  watch(until, () => {
    if (alive.value) hello();
    else rpc.drop();
  });

  return {
    state,
    computes: computed(() => alive.value && reply.value?.computes === true),
    why: computed(() => {
      if (!alive.value) return GONE;
      if (reply.value?.computes === false) return reply.value.why;
      if (running.value) return BUSY;
      return silent.value ? "The kernel does not answer: it is busy, or gone. The player goes on working." : "";
    }),
  };
}

function connectionOf(model: Model): Connection | null {
  const { kernel } = (model.widget_manager ?? {}) as { kernel?: Connection | null };
  return typeof kernel?.statusChanged?.connect === "function" ? kernel : null;
}

/** Note in `running` whether a cell has been running for a while, and call `lost` when the kernel ends. */
function follow(connection: Connection, running: { value: boolean }, lost: () => void, until: AbortSignal): void {
  const delay = timer(until);
  const cells = new Set<string>();
  const note = (busy: boolean) => {
    if (!busy) delay.stop();
    if (!busy) running.value = false;
    else {
      delay.start(PATIENCE, () => {
        running.value = true;
      });
    }
  };
  // Each message of a player makes the kernel busy and idle again, in a shell of its own even while a cell runs: where
  // the messages behind a status can be seen, only cells count.
  const heard = (_: unknown, { header, parent_header: parent, content }: Message) => {
    if (header.msg_type !== "status" || parent.subshell_id) return;
    const idle = content.execution_state === "idle";
    if (idle) cells.delete(parent.msg_id ?? "");
    else if (parent.msg_type === "execute_request") cells.add(parent.msg_id ?? "");
    else return;
    note(cells.size > 0);
  };
  const changed = (_: unknown, status: string) => {
    if (/^(dead|terminating|restarting|autorestarting)$/.test(status)) lost();
    else if (!connection.iopubMessage) note(status === "busy");
  };
  note(connection.status === "busy");
  connect(connection.statusChanged, changed, until);
  connect(connection.iopubMessage, heard, until);
  connect(connection.disposed, lost, until);
}

function connect<T>(
  source: Source<T> | undefined,
  slot: (sender: unknown, value: T) => void,
  until: AbortSignal,
): void {
  source?.connect(slot);
  until.addEventListener("abort", () => source?.disconnect(slot));
}

function listen(model: Model, event: string, listener: Listener, until: AbortSignal): void {
  model.on(event, listener);
  until.addEventListener("abort", () => model.off(event, listener));
}

/** One delayed call at a time; starting anew while it waits changes nothing. */
function timer(until: AbortSignal) {
  let handle: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    clearTimeout(handle);
    handle = undefined;
  };
  until.addEventListener("abort", stop);
  return {
    stop,
    start(delay: number, call: () => void) {
      handle ??= setTimeout(call, delay);
    },
  };
}
