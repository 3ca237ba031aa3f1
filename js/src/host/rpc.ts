// Requests to the kernel over the model's messages: sending, answers, cancelling.

import type { Bytes } from "../core/bytes.js";
import { CANCELLED, MESSAGE_VERSION, type Op } from "../core/generated.js";
import type { Json } from "../core/json.js";
import { type Answer, type Failure, type Progress, type RequestMessage, readAnswer } from "./messages.js";
import { listen, type Model } from "./model.js";

/** The reason with which the answer of a failed request is rejected. */
export interface Rejection {
  readonly failure: Failure;
}

/** Type of the failure of a request when the connection to the kernel is closed. */
export const UNREACHABLE = "ConnectionError";

/** The result of a request. */
export interface Result {
  result: { [key: string]: Json };
  /** Binary data that came with it, one buffer a message. */
  buffers: readonly Bytes[];
}

export interface PendingCall {
  readonly id: string;
  /** Rejects with a `Rejection` and nothing else. */
  readonly answer: Promise<Result>;
}

export interface Rpc {
  request(op: Op, args?: { [key: string]: Json }, report?: (progress: Progress) => void): PendingCall;
  /** Stop waiting at once, and tell the kernel, which may be too busy to react. */
  cancel(id: string): void;
  /** Stop waiting for all answers, without telling the kernel. */
  cancelAll(): void;
}

/**
 * Send requests to the kernel: at most one for each operation is under way, and the latest one wins. `overhear` is called
 * with answers to the requests of other views of this model.
 */
export function openRpc(model: Model, until: AbortSignal, overhear: (answer: Answer) => void): Rpc {
  // Several views of one model hear each other's answers; `crypto.randomUUID` is missing on plain http.
  const prefix = `${Math.random()}-`;
  let count = 0;
  const pending = new Map<string, { op: Op; receive(answer: Answer, buffers?: readonly Bytes[]): void }>();
  const fail = (id: string, type = CANCELLED, message = "", hint = "") =>
    pending.get(id)?.receive({ v: MESSAGE_VERSION, id, ok: false, error: { type, message, hint, traceback: "" } });
  const send = (id: string, op: RequestMessage["op"], more = {}) => {
    try {
      model.send?.({ v: MESSAGE_VERSION, id, op, ...more });
    } catch (error) {
      // A closed connection throws.
      fail(id, UNREACHABLE, `The kernel cannot be reached (${error}).`, "Run the cell again.");
    }
  };
  const cancel = (id: string) => {
    fail(id);
    send(id, "cancel");
  };
  const cancelAll = () => {
    for (const id of pending.keys()) fail(id);
  };
  listen(
    model,
    "msg:custom",
    (content, buffers) => {
      const answer = readAnswer(content);
      const request = answer && pending.get(answer.id);
      if (request) request.receive(answer, buffers);
      else if (answer && !answer.id.startsWith(prefix)) overhear(answer);
    },
    until,
  );
  until.addEventListener("abort", cancelAll);
  return {
    cancel,
    cancelAll,
    request(op, args = {}, report) {
      for (const [id, other] of pending) if (other.op === op) cancel(id);
      const id = `${prefix}${++count}-${op}`;
      const answer = new Promise<Result>((resolve, reject) => {
        // Data too large for one message comes with the progress messages before the answer.
        const received: Bytes[] = [];
        const receive = (message: Answer, buffers: readonly Bytes[] = []) => {
          received.push(...buffers);
          if ("progress" in message) return report?.(message.progress);
          pending.delete(id);
          if (message.ok) resolve({ result: message.result, buffers: received });
          else reject({ failure: message.error });
        };
        pending.set(id, { op, receive });
      });
      send(id, op, { args });
      return { id, answer };
    },
  };
}
