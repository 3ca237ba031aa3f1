// Everything behind the player that outlives one explanation: kernel, requests, exports and notices.

import { type Signal, signal } from "@preact/signals-core";
import { asUint8 } from "../core/bytes.js";
import { watch } from "../core/reactive.js";
import { save } from "../core/save.js";
import { type Kernel, watchKernel } from "./kernel.js";
import type { Model } from "./model.js";
import { createWork, type Work } from "./requests.js";
import { openRpc, type Rpc } from "./rpc.js";

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

export function connect(model: Model, disconnected: () => boolean, until: AbortSignal): Host {
  const rpc = openRpc(model, until, (answer) => {
    // A file is made for one view, which saves it; what is computed is shown in all.
    if (!answer.id.endsWith("export")) work.overhear(answer.id, "progress" in answer ? answer.progress : null);
  });
  const notice = signal({ text: "" });
  const work = createWork(rpc);
  const taking = createWork(rpc, "export", ({ result: { name, type }, buffers }) => {
    save(`${name}`, new Blob(buffers.map(asUint8), { type: `${type}` }));
    notice.value = { text: `Saved ${name}` };
  });
  const kernel = watchKernel(model, rpc, disconnected, until);
  watch(until, () => {
    // What another view asked for; the own requests end with the connection.
    if (kernel.state.value === "gone") work.running.value = null;
  });
  return { kernel, work, taking, rpc, notice };
}
