import { asUint8 } from "./bytes.js";
import { save } from "./export/save.js";
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
  readonly rpc: Rpc;
  /** Files that the kernel makes to be taken away. */
  readonly taking: Work;
  /** What was last said to the user; an object, so that the same words twice are two notices. */
  readonly notice: Signal<{ text: string }>;
}

/** The op that makes a file. */
const TAKING = "export";

export function connect(model: Model, disconnected: () => boolean, until: AbortSignal): Host {
  const rpc = new Rpc(model, until, (answer) => {
    // A file is made for one view, which saves it; what is computed is shown in all.
    if (!answer.id.endsWith(TAKING)) work.overhear(answer.id, "progress" in answer ? answer.progress : null);
  });
  const notice = signal({ text: "" });
  const work = new Work(rpc);
  const taking = new Work(rpc, TAKING, ({ result, buffers }) => {
    const name = String(result.name);
    save(name, new Blob([asUint8(buffers[0])], { type: String(result.type) }));
    notice.value = { text: `Saved ${name}` };
  });
  const kernel = watchKernel(model, rpc, disconnected, until);
  watch(until, () => {
    if (kernel.state.value !== "gone") return;
    work.abandon();
    taking.abandon();
  });
  return { kernel, work, taking, rpc, notice };
}
