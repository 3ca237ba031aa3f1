// The request that a player has under way, such as a computation or an export, its progress and its failure.

import { type Signal, signal } from "@preact/signals-core";
import { CANCELLED } from "../core/generated.js";
import type { Json } from "../core/json.js";
import type { Failure, Progress } from "./messages.js";
import type { Refusal, Result, Rpc } from "./rpc.js";

/** What is asked of the kernel for a pane, the active one if none is named; what is left out stays as it is. */
export type Wish = {
  method?: string;
  target?: number;
  params?: { [name: string]: Json };
  pane?: number;
  /** Of a file: what it is to be, and how the heat is drawn in it. */
  format?: string;
  settings?: { [trait: string]: Json };
};

/** The one request of an op that a player may have under way, and how the last one failed. */
export interface Work {
  /** Its wish is empty where another view of the same model asked. */
  readonly running: Signal<{ id: string; wish: Wish; progress: Progress | null } | null>;
  readonly failed: Signal<{ wish: Wish; failure: Failure } | null>;
  ask(wish: Wish): void;
  cancel(): void;
  /** Follow what another view of the same model asked for. */
  overhear(id: string, progress: Progress | null): void;
}

/** `done` is given what the kernel answers to the requests of one op. */
export function createWork(rpc: Rpc, op = "compute", done?: (found: Result) => void): Work {
  const running: Work["running"] = signal(null);
  const failed: Work["failed"] = signal(null);
  const end = (id: string) => {
    const mine = running.peek()?.id === id;
    if (mine) running.value = null;
    return mine;
  };
  return {
    running,
    failed,
    ask(wish) {
      const show = (progress: Progress | null) => {
        running.value = { id, wish, progress };
      };
      failed.value = null;
      const { id, answer } = rpc.request(op, wish, show);
      show(null);
      answer.then(
        (found) => end(id) && done?.(found),
        ({ failure }: Refusal) => {
          if (end(id) && failure.type !== CANCELLED) failed.value = { wish, failure };
        },
      );
    },
    cancel() {
      const { id } = running.peek() ?? {};
      if (id && end(id)) rpc.cancel(id);
    },
    overhear(id, progress) {
      const now = running.peek();
      if (!now || now.id === id) running.value = progress && { id, wish: {}, progress };
    },
  };
}
