// The request that a player has under way, such as a computation or an export, its progress and its failure.

import { type Signal, signal } from "@preact/signals-core";
import { CANCELLED, type Op } from "../core/generated.js";
import type { Json } from "../core/json.js";
import type { Failure, Progress } from "./messages.js";
import type { Rejection, Result, Rpc } from "./rpc.js";

/** A request for a pane, by default the active one. Fields that are left out stay as they are. */
export type Request = {
  method?: string;
  target?: number;
  params?: { [name: string]: Json };
  pane?: number;
  /** For an export: the format of the file, and the settings to draw with. */
  format?: string;
  settings?: { [trait: string]: Json };
};

/** The one request of an operation that a player may have under way, and how the last one failed. */
export interface RequestRunner {
  /** The request is empty if another view of the same model made it. */
  readonly running: Signal<{ id: string; request: Request; progress: Progress | null } | null>;
  readonly failed: Signal<{ request: Request; failure: Failure } | null>;
  start(request: Request): void;
  cancel(): void;
  /** Show the progress of a request that another view of the same model made; `null` when it ends. */
  overhear(id: string, progress: Progress | null): void;
}

/** Run the requests of one operation of the protocol; `onResult` is called with the result of each. */
export function createRequestRunner(rpc: Rpc, op: Op = "compute", onResult?: (result: Result) => void): RequestRunner {
  const running: RequestRunner["running"] = signal(null);
  const failed: RequestRunner["failed"] = signal(null);
  /** End a request, if it is still the one under way; return whether it was. */
  const end = (id: string) => {
    const current = running.peek()?.id === id;
    if (current) running.value = null;
    return current;
  };
  return {
    running,
    failed,
    start(request) {
      const show = (progress: Progress | null) => {
        running.value = { id, request, progress };
      };
      failed.value = null;
      const { id, answer } = rpc.request(op, request, show);
      show(null);
      answer.then(
        (result) => end(id) && onResult?.(result),
        ({ failure }: Rejection) => {
          if (end(id) && failure.type !== CANCELLED) failed.value = { request, failure };
        },
      );
    },
    cancel() {
      const { id } = running.peek() ?? {};
      if (id && end(id)) rpc.cancel(id);
    },
    overhear(id, progress) {
      const current = running.peek();
      if (!current || current.id === id) running.value = progress && { id, request: {}, progress };
    },
  };
}
