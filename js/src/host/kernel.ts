// The state of the kernel behind the player: none, ready, busy or gone, and whether it can compute.

import { computed, type ReadonlySignal, signal } from "@preact/signals-core";
import { CANCELLED } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import { type Listener, listen, type Model } from "./model.js";
import { type Rejection, type Rpc, UNREACHABLE } from "./rpc.js";

/** `none`: a page without one; `busy`: it runs something else and answers late; `gone`: what made this player is over. */
export type KernelState = "none" | "ready" | "busy" | "gone";

export interface Kernel {
  readonly state: ReadonlySignal<KernelState>;
  /** Whether a method or a class can be asked for. */
  readonly canCompute: ReadonlySignal<boolean>;
  /** What is missing and what to do, or how it goes on; empty where there is nothing to say. */
  readonly reason: ReadonlySignal<string>;
}

/** Milliseconds of silence, or of a running cell, that count as busy: what is shorter would only flicker. */
const BUSY_DELAY = 500;

/** Milliseconds between two questions where the host does not tell how its kernel is. */
const HELLO_INTERVAL = 5000;

const BUSY = "The kernel is running a cell: requests wait.";
const SILENT = "The kernel does not answer: it is busy or gone.";
const GONE = "The kernel is gone. To choose a method or class, run the cell again; the rest works.";

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
  parent_header: { msg_id?: string; msg_type?: string; subshell_id?: string | null };
  content: { execution_state?: string };
}

/** Follow the kernel behind a model; `disconnected` tells whether the host marked the view as cut off. */
export function watchKernel(model: Model, rpc: Rpc, disconnected: () => boolean, until: AbortSignal): Kernel {
  if (!model.send) return { state: signal("none"), canCompute: signal(false), reason: signal("") };
  const alive = signal(!disconnected());
  const running = delayedFlag(until);
  const silent = delayedFlag(until);
  /** Why nothing can be computed, once the kernel said so; empty where it can. */
  const refusal = signal<string | null>(null);
  const lost = () => {
    alive.value = false;
  };
  const hello = () => {
    if (silent.going() || !alive.peek()) return;
    silent.note(true);
    rpc.request("hello").answer.then(
      ({ result }) => {
        silent.note(false);
        refusal.value = result.computes ? "" : `${result.why}`;
      },
      ({ failure: { type, message, hint } }: Rejection) => {
        silent.note(false);
        if (type === UNREACHABLE) lost();
        else if (type !== CANCELLED) refusal.value = `${message} ${hint}`;
      },
    );
  };

  const { kernel } = (model.widget_manager ?? {}) as { kernel?: Connection | null };
  if (kernel?.statusChanged) follow(kernel, running.note, lost, until);
  else {
    const interval = setInterval(() => document.hidden || hello(), HELLO_INTERVAL);
    until.addEventListener("abort", () => clearInterval(interval));
  }
  // After a restart. The host's view marks itself when it is made; later only its model knows, and anywidget calls
  // listeners on the view.
  const updateAlive: Listener = function (this: unknown) {
    alive.value = (this as { model?: { comm_live?: boolean } } | undefined)?.model?.comm_live ?? !disconnected();
  };
  listen(model, "comm_live_update", updateAlive, until);
  listen(model, "destroy", lost, until);
  watch(until, () => {
    if (alive.value) hello();
    else rpc.cancelAll();
  });

  const busy = computed(() => (running.long.value ? BUSY : silent.long.value ? SILENT : ""));
  return {
    state: computed(() => (alive.value ? (busy.value ? "busy" : "ready") : "gone")),
    canCompute: computed(() => alive.value && refusal.value === ""),
    reason: computed(() => (alive.value ? refusal.value || busy.value : GONE)),
  };
}

/** Note whether a cell is running, and call `lost` when the kernel ends. */
function follow(kernel: Connection, note: (busy: boolean) => void, lost: () => void, until: AbortSignal): void {
  const cells = new Set<string | undefined>();
  const connectSlot = <T>(source: Source<T> | undefined, slot: (sender: unknown, value: T) => void) => {
    source?.connect(slot);
    until.addEventListener("abort", () => source?.disconnect(slot));
  };
  note(kernel.status === "busy");
  connectSlot(kernel.statusChanged, (_, status) => {
    if (/dead|terminating|restarting/.test(status)) lost();
    else if (!kernel.iopubMessage) note(status === "busy");
  });
  // Each message of a player makes the kernel busy and idle again, in a shell of its own even while a cell runs: where
  // the messages behind a status can be seen, only cells count.
  connectSlot(
    kernel.iopubMessage,
    (_, { parent_header: { msg_id, msg_type, subshell_id }, content: { execution_state } }) => {
      if (subshell_id) return;
      if (execution_state === "idle") cells.delete(msg_id);
      else if (execution_state === "busy" && msg_type === "execute_request") cells.add(msg_id);
      else return;
      note(cells.size > 0);
    },
  );
  connectSlot(kernel.disposed, lost);
}

/** Whether something that begins and ends has been going on for longer than a moment. */
function delayedFlag(until: AbortSignal) {
  const long = signal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = () => {
    long.value = true;
  };
  const note = (going: boolean) => {
    if (going) timer ??= setTimeout(later, BUSY_DELAY);
    else {
      clearTimeout(timer);
      timer = undefined;
      long.value = false;
    }
  };
  until.addEventListener("abort", () => note(false));
  return { long, note, going: () => timer !== undefined };
}
