import { type Kernel, watchKernel } from "./kernel.js";
import type { Model } from "./model.js";
import { Rpc } from "./rpc.js";
import { type Signal, signal } from "./signals.js";
import { watch } from "./state.js";
import { Work } from "./work.js";

/** What lies behind the player and outlives the explanation on show. */
export interface Host {
  readonly kernel: Kernel;
  readonly work: Work;
  /** What was last said to the user; an object, so that the same words twice are two notices. */
  readonly notice: Signal<{ text: string }>;
}

export function connect(model: Model, disconnected: () => boolean, until: AbortSignal): Host {
  const rpc = new Rpc(model, until, (answer) => {
    work.overhear(answer.id, "progress" in answer ? answer.progress : null);
  });
  const work = new Work(rpc);
  const kernel = watchKernel(model, rpc, disconnected, until);
  watch(until, () => {
    if (kernel.state.value === "gone") work.abandon();
  });
  return { kernel, work, notice: signal({ text: "" }) };
}
