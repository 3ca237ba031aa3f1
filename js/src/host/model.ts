// The interface of the host's model, and a model for a page without a kernel.

import type { Bytes } from "../core/bytes.js";

export type Listener = (content?: unknown, buffers?: readonly Bytes[]) => void;

/**
 * The interface between the player and its host. In a notebook it is anywidget's model, in an exported page a `LocalModel`;
 * the rest of the player does not distinguish them.
 */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: Listener): void;
  off(event: string, callback: Listener): void;
  /** Send a message with binary parts to the kernel; missing if there is no kernel. Answers come as `msg:custom`. */
  send?(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[] | undefined): void;
  /** JupyterLab's widget manager, with the connection to the kernel. */
  widget_manager?: unknown;
}

/** Call `listener` at an event of a model, until `until` is aborted. */
export function listen(model: Model, event: string, listener: Listener, until: AbortSignal): void {
  model.on(event, listener);
  until.addEventListener("abort", () => model.off(event, listener));
}

/** A model for a page without a kernel. */
export class LocalModel implements Model {
  readonly #values: Map<string, unknown>;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(values: Record<string, unknown>) {
    this.#values = new Map(Object.entries(values));
  }

  get(name: string): unknown {
    return this.#values.get(name);
  }

  set(name: string, value: unknown): void {
    if (Object.is(this.#values.get(name), value)) return;
    this.#values.set(name, value);
    for (const callback of this.#listeners.get(`change:${name}`) ?? []) callback();
  }

  save_changes(): void {}

  on(event: string, callback: Listener): void {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event)!.add(callback);
  }

  off(event: string, callback: Listener): void {
    this.#listeners.get(event)?.delete(callback);
  }
}
