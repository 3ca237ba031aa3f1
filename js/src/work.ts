import type { Failure, Json, Progress } from "./protocol.js";
import { CANCELLED, type Refusal, type Result, type Rpc } from "./rpc.js";
import { signal } from "./signals.js";

/** What is asked of the kernel for a pane, the active one if none is named; what is left out stays as it is. */
export type Wish = {
  method?: string;
  target?: number;
  params?: { [name: string]: Json };
  pane?: number;
  /** Of a file: what it is to be, and how the heat is drawn in it. */
  kind?: string;
  look?: { [trait: string]: Json };
};

export interface Running {
  readonly id: string;
  /** Empty where another view of the same model asked. */
  readonly wish: Wish;
  readonly progress: Progress | null;
}

/** The one request of an op that a player may have under way, and how the last one failed. */
export class Work {
  readonly running = signal<Running | null>(null);
  readonly failed = signal<{ readonly wish: Wish; readonly failure: Failure } | null>(null);
  readonly #rpc: Rpc;
  readonly #op: string;
  readonly #done: (found: Result) => void;

  /** `done` is given what the kernel answers to the requests of one op. */
  constructor(rpc: Rpc, op = "compute", done: (found: Result) => void = () => undefined) {
    this.#rpc = rpc;
    this.#op = op;
    this.#done = done;
  }

  ask(wish: Wish): void {
    this.failed.value = null;
    const { id, answer } = this.#rpc.request(this.#op, wish, (progress) => {
      this.running.value = { id, wish, progress };
    });
    this.running.value = { id, wish, progress: null };
    answer.then(
      (found) => this.#end(id) && this.#done(found),
      ({ failure }: Refusal) => {
        if (this.#end(id) && failure.type !== CANCELLED) this.failed.value = { wish, failure };
      },
    );
  }

  cancel(): void {
    const id = this.running.peek()?.id;
    if (id === undefined) return;
    this.#rpc.cancel(id);
    this.#end(id);
  }

  retry(): void {
    const { wish } = this.failed.peek() ?? {};
    if (wish) this.ask(wish);
  }

  dismiss(): void {
    this.failed.value = null;
  }

  /** Follow what another view of the same model asked for. */
  overhear(id: string, progress: Progress | null): void {
    const mine = this.running.peek();
    if (progress && (mine === null || mine.id === id)) this.running.value = { id, wish: {}, progress };
    else if (!progress) this.#end(id);
  }

  /** Forget what runs: its kernel is gone. */
  abandon(): void {
    this.running.value = null;
  }

  #end(id: string): boolean {
    if (this.running.peek()?.id !== id) return false;
    this.running.value = null;
    return true;
  }
}
