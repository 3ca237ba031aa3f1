// Requests to the kernel over the model's messages: sending, answers, cancelling.

import type { Bytes } from "../core/bytes.js";
import { CANCELLED, MESSAGE_VERSION } from "../core/generated.js";
import type { Json } from "../core/json.js";
import { type Answer, type Failure, type Progress, readAnswer } from "./messages.js";
import { listen, type Model } from "./model.js";

/** What a request that was not done rejects with. */
export interface Refusal {
  readonly failure: Failure;
}

/** The connection to the kernel is closed. */
export const UNREACHABLE = "ConnectionError";

/** What a request gave. */
export interface Result {
  result: { [key: string]: Json };
  /** Bulk that came with it, in pieces of one message each. */
  buffers: readonly Bytes[];
}

export interface Call {
  readonly id: string;
  /** Rejects with a `Refusal` and nothing else. */
  readonly answer: Promise<Result>;
}

export interface Rpc {
  request(op: string, args?: { [key: string]: Json }, report?: (progress: Progress) => void): Call;
  /** Stop waiting, at once, and tell the kernel, which may be too busy to hear it. */
  cancel(id: string): void;
  /** Stop waiting for every answer: nobody is there to give one. */
  drop(): void;
}

/**
 * Requests to the kernel: at most one of each op is under way, and the latest one wins. `overhear` is given what answers
 * the requests of other views of this model.
 */
export function openRpc(model: Model, until: AbortSignal, overhear: (answer: Answer) => void): Rpc {
  // Several views of one model hear each other's answers; `crypto.randomUUID` is missing on plain http.
  const own = `${Math.random()}-`;
  let count = 0;
  const pending = new Map<string, { op: string; end(answer: Answer, buffers?: readonly Bytes[]): void }>();
  const refuse = (id: string, type = CANCELLED, message = "", hint = "") =>
    pending.get(id)?.end({ v: MESSAGE_VERSION, id, ok: false, error: { type, message, hint, traceback: "" } });
  const send = (id: string, op: string, more = {}) => {
    try {
      model.send?.({ v: MESSAGE_VERSION, id, op, ...more });
    } catch (error) {
      // A connection that was closed says so by throwing.
      refuse(id, UNREACHABLE, `The kernel cannot be reached (${error}).`, "Run the cell again.");
    }
  };
  const cancel = (id: string) => {
    refuse(id);
    send(id, "cancel");
  };
  const drop = () => {
    for (const id of pending.keys()) refuse(id);
  };
  listen(
    model,
    "msg:custom",
    (content, buffers) => {
      const answer = readAnswer(content);
      const asked = answer && pending.get(answer.id);
      if (asked) asked.end(answer, buffers);
      else if (answer && !answer.id.startsWith(own)) overhear(answer);
    },
    until,
  );
  until.addEventListener("abort", drop);
  return {
    cancel,
    drop,
    request(op, args = {}, report) {
      for (const [id, other] of pending) if (other.op === op) cancel(id);
      const id = `${own}${++count}-${op}`;
      const answer = new Promise<Result>((resolve, reject) => {
        // What is too large for one message comes with the progress before the answer.
        const got: Bytes[] = [];
        const end = (said: Answer, buffers: readonly Bytes[] = []) => {
          got.push(...buffers);
          if ("progress" in said) return report?.(said.progress);
          pending.delete(id);
          if (said.ok) resolve({ result: said.result, buffers: got });
          else reject({ failure: said.error });
        };
        pending.set(id, { op, end });
      });
      send(id, op, { args });
      return { id, answer };
    },
  };
}
