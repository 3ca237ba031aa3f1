// Everything behind the player that outlives one explanation: kernel, requests, exports and notices.

import { type Signal, signal } from "@preact/signals-core";
import { asUint8 } from "../core/bytes.js";
import { watch } from "../core/reactive.js";
import { saveFile } from "../core/save.js";
import { type Kernel, watchKernel } from "./kernel.js";
import type { Model } from "./model.js";
import { createRequestRunner, type RequestRunner } from "./requests.js";
import { openRpc, type Rpc } from "./rpc.js";

/** Everything behind the player that outlives the current explanation. */
export interface Host {
  readonly kernel: Kernel;
  readonly rpc: Rpc;
  /** Requests for another explanation. */
  readonly computation: RequestRunner;
  /** Requests for files that the kernel makes. */
  readonly fileExport: RequestRunner;
  /** The last message to the user; an object, so that the same text twice is two notices. */
  readonly notice: Signal<{ text: string }>;
  /** Show a short message to the user. */
  notify(text: string): void;
  /** Names of hints that were shown and need not be shown again. */
  readonly shownHints: Set<string>;
  /** Names of the folds that the user has opened; they stay open when the player is rebuilt. */
  readonly openFolds: Set<string>;
}

/** Connect to the kernel behind a model; `disconnected` returns whether the host marked the view as disconnected. */
export function connect(model: Model, disconnected: () => boolean, until: AbortSignal): Host {
  const rpc = openRpc(model, until, (answer) => {
    // A file is made for one view, which saves it; an explanation is shown in all views.
    if (!answer.id.endsWith("export")) computation.overhear(answer.id, "progress" in answer ? answer.progress : null);
  });
  const notice = signal({ text: "" });
  const notify = (text: string) => {
    notice.value = { text };
  };
  const computation = createRequestRunner(rpc);
  const fileExport = createRequestRunner(rpc, "export", ({ result: { name, type }, buffers }) => {
    saveFile(`${name}`, new Blob(buffers.map(asUint8), { type: `${type}` }));
    notify(`Saved ${name}`);
  });
  const kernel = watchKernel(model, rpc, disconnected, until);
  watch(until, () => {
    // The request of another view; this view's own requests end with the connection.
    if (kernel.state.value === "gone") computation.running.value = null;
  });
  return { kernel, rpc, computation, fileExport, notice, notify, shownHints: new Set(), openFolds: new Set() };
}
