import type { Bytes } from "./bytes.js";
import type { Listener, Model } from "./model.js";
import { type Answer, type Failure, type Json, type Progress, type Request, readAnswer, VERSION } from "./protocol.js";

/** A request that was not done. */
export class Refusal extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** The name under which the kernel, too, says that nobody waits for an answer any more. */
export const CANCELLED = "CancelledError";

/** The connection to the kernel is closed. */
export const UNREACHABLE = "ConnectionError";

/** What a request gave. */
export interface Result {
  result: { [key: string]: Json };
  /** Bulk that came with it. */
  buffers: readonly Bytes[];
}

export interface Call {
  readonly id: string;
  /** Rejects with a `Refusal` and nothing else. */
  readonly answer: Promise<Result>;
}

interface Pending {
  op: string;
  report: ((progress: Progress) => void) | undefined;
  resolve(result: Result): void;
  reject(refusal: Refusal): void;
}

/** Requests to the kernel: at most one of each op is under way, and the latest one wins. */
export class Rpc {
  readonly #model: Model;
  readonly #pending = new Map<string, Pending>();
  // Several views of one model hear each other's answers; `crypto.randomUUID` is missing on plain http.
  readonly #name = Math.random().toString(36).slice(2);
  #count = 0;

  /** `overhear` is given what answers the requests of other views of this model. */
  constructor(model: Model, until: AbortSignal, overhear: (answer: Answer) => void) {
    this.#model = model;
    const receive: Listener = (content, buffers) => {
      const answer = readAnswer(content);
      if (!answer) return;
      if (this.#pending.has(answer.id)) this.#settle(answer, buffers ?? []);
      else if (!answer.id.startsWith(`${this.#name}-`)) overhear(answer);
    };
    model.on("msg:custom", receive);
    until.addEventListener("abort", () => {
      model.off("msg:custom", receive);
      this.drop();
    });
  }

  request(op: string, args: { [key: string]: Json } = {}, report?: (progress: Progress) => void): Call {
    for (const [id, other] of this.#pending) if (other.op === op) this.cancel(id);
    this.#count += 1;
    const request: Request = { v: VERSION, id: `${this.#name}-${this.#count}-${op}`, op, args };
    const answer = new Promise<Result>((resolve, reject) => {
      this.#pending.set(request.id, { op, report, resolve, reject });
    });
    this.#send(request);
    return { id: request.id, answer };
  }

  /** Stop waiting, at once, and tell the kernel, which may be too busy to hear it. */
  cancel(id: string): void {
    this.#refuse(id, "Cancelled.", "");
    this.#send({ v: VERSION, op: "cancel", id });
  }

  /** Stop waiting for every answer: nobody is there to give one. */
  drop(): void {
    for (const id of this.#pending.keys()) this.#refuse(id, "The kernel has gone.", "Run the cell again.");
  }

  #send(message: Request | { v: number; op: "cancel"; id: string }): void {
    try {
      this.#model.send?.(message);
    } catch (error) {
      // A connection that was closed says so by throwing.
      this.#refuse(message.id, `The kernel cannot be reached (${error}).`, "Run the cell again.", UNREACHABLE);
    }
  }

  #settle(answer: Answer, buffers: readonly Bytes[]): void {
    const pending = this.#pending.get(answer.id)!;
    if ("progress" in answer) {
      pending.report?.(answer.progress);
      return;
    }
    this.#pending.delete(answer.id);
    if (answer.ok) pending.resolve({ result: answer.result, buffers });
    else pending.reject(new Refusal(answer.error));
  }

  #refuse(id: string, message: string, hint: string, type = CANCELLED): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.reject(new Refusal({ type, message, hint, traceback: "" }));
  }
}
