// The state of the kernel behind the player: none, ready, busy or gone, and whether it can compute.

import { computed, type ReadonlySignal, signal } from "@preact/signals-core";
import { CANCELLED } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import { type Listener, listen, type Model } from "./model.js";
import { type Rejection, type Rpc, UNREACHABLE } from "./rpc.js";

/** `none`: a page without a kernel; `busy`: it runs something else; `gone`: the kernel that made this player has ended. */
export type KernelState = "none" | "ready" | "busy" | "gone";

/** The kernel as the player sees it. */
export interface Kernel {
  readonly state: ReadonlySignal<KernelState>;
  /** Whether another explanation can be computed. */
  readonly canCompute: ReadonlySignal<boolean>;
  /** The reason why nothing can be computed and what to do, or that the kernel is busy; else empty. */
  readonly reason: ReadonlySignal<string>;
}

/** Milliseconds of silence, or of a running cell, that count as busy; anything shorter would flicker. */
const BUSY_DELAY = 500;

/** Milliseconds between two `hello` requests, in hosts that do not report the state of the kernel. */
const HELLO_INTERVAL = 5000;

const BUSY = "The kernel is running a notebook cell. Requests wait until the cell has finished.";
const SILENT = "The kernel does not answer. It is busy or has stopped.";
const GONE =
  "The kernel has stopped. Run the notebook cell again to compute anything new. Playback and display settings still work.";

/** The parts of JupyterLab's kernel connection that are used here. */
interface Connection {
  status: string;
  statusChanged: Source<string>;
  disposed?: Source<unknown>;
  iopubMessage?: Source<Message>;
}

/** A signal of JupyterLab. */
interface Source<T> {
  connect(slot: (sender: unknown, value: T) => void): void;
  disconnect(slot: (sender: unknown, value: T) => void): void;
}

/** A message of the Jupyter protocol. */
interface Message {
  parent_header: { msg_id?: string; msg_type?: string; subshell_id?: string | null };
  content: { execution_state?: string };
}

/** Watch the kernel behind a model; `disconnected` returns whether the host marked the view as disconnected. */
export function watchKernel(model: Model, rpc: Rpc, disconnected: () => boolean, until: AbortSignal): Kernel {
  if (!model.send) return { state: signal("none"), canCompute: signal(false), reason: signal("") };
  const alive = signal(!disconnected());
  const running = delayedFlag(until);
  const silent = delayedFlag(until);
  /** Why the kernel cannot compute; empty if it can, `null` before it has answered. */
  const refusal = signal<string | null>(null);
  const lost = () => {
    alive.value = false;
  };
  const hello = () => {
    if (silent.waiting() || !alive.peek()) return;
    silent.set(true);
    rpc.request("hello").answer.then(
      ({ result }) => {
        silent.set(false);
        refusal.value = result.computes ? "" : `${result.why}`;
      },
      ({ failure: { type, message, hint } }: Rejection) => {
        silent.set(false);
        if (type === UNREACHABLE) lost();
        else if (type !== CANCELLED) refusal.value = `${message} ${hint}`;
      },
    );
  };

  const { kernel } = (model.widget_manager ?? {}) as { kernel?: Connection | null };
  if (kernel?.statusChanged) watchConnection(kernel, running.set, lost, until);
  else {
    const interval = setInterval(() => document.hidden || hello(), HELLO_INTERVAL);
    until.addEventListener("abort", () => clearInterval(interval));
  }
  // Called after a restart. The host marks a view only when the view is made; later only the view's model has the state.
  // anywidget calls listeners with the view as `this`.
  const updateAlive: Listener = function (this: unknown) {
    alive.value = (this as { model?: { comm_live?: boolean } } | undefined)?.model?.comm_live ?? !disconnected();
  };
  listen(model, "comm_live_update", updateAlive, until);
  listen(model, "destroy", lost, until);
  watch(until, () => {
    if (alive.value) hello();
    else rpc.cancelAll();
  });

  const busy = computed(() => (running.shown.value ? BUSY : silent.shown.value ? SILENT : ""));
  return {
    state: computed(() => (alive.value ? (busy.value ? "busy" : "ready") : "gone")),
    canCompute: computed(() => alive.value && refusal.value === ""),
    reason: computed(() => (alive.value ? refusal.value || busy.value : GONE)),
  };
}

/** Call `setRunning` when a cell begins or ends to run, and `lost` when the kernel ends. */
function watchConnection(
  kernel: Connection,
  setRunning: (running: boolean) => void,
  lost: () => void,
  until: AbortSignal,
): void {
  const cells = new Set<string | undefined>();
  const connectSlot = <T>(source: Source<T> | undefined, slot: (sender: unknown, value: T) => void) => {
    source?.connect(slot);
    until.addEventListener("abort", () => source?.disconnect(slot));
  };
  setRunning(kernel.status === "busy");
  connectSlot(kernel.statusChanged, (_, status) => {
    if (/dead|terminating|restarting/.test(status)) lost();
    else if (!kernel.iopubMessage) setRunning(status === "busy");
  });
  // Each message of a player makes the kernel busy and idle again, in a subshell even while a cell runs. If the host shows
  // the messages behind a status, only cells count.
  connectSlot(
    kernel.iopubMessage,
    (_, { parent_header: { msg_id, msg_type, subshell_id }, content: { execution_state } }) => {
      if (subshell_id) return;
      if (execution_state === "idle") cells.delete(msg_id);
      else if (execution_state === "busy" && msg_type === "execute_request") cells.add(msg_id);
      else return;
      setRunning(cells.size > 0);
    },
  );
  connectSlot(kernel.disposed, lost);
}

/** A flag whose signal `shown` becomes true only after `BUSY_DELAY`. */
function delayedFlag(until: AbortSignal) {
  const shown = signal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = () => {
    shown.value = true;
  };
  const set = (on: boolean) => {
    if (on) timer ??= setTimeout(show, BUSY_DELAY);
    else {
      clearTimeout(timer);
      timer = undefined;
      shown.value = false;
    }
  };
  until.addEventListener("abort", () => set(false));
  return { shown, set, waiting: () => timer !== undefined };
}
