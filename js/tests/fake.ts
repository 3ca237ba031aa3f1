import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import type { Bytes } from "../src/core/bytes.js";
import type { RequestMessage } from "../src/host/messages.js";
import type { Listener, Model } from "../src/host/model.js";
import type { Meta, Payload } from "../src/host/payload.js";

/** A file of `tests/protocol`, which pytest reads too. */
export function fixture(name: string) {
  return JSON.parse(readFileSync(new URL(`../../tests/protocol/${name}.json`, import.meta.url), "utf-8"));
}

/** The traits of `payload.json`, each buffer at an odd offset within a larger one, as a kernel delivers them. */
export function payloadTraits(): Record<string, unknown> {
  const { _meta, ...buffers } = fixture("payload");
  const values: Record<string, unknown> = { _meta };
  for (const [name, text] of Object.entries(buffers)) {
    const bytes = Buffer.from(text as string, "base64");
    const message = new Uint8Array(bytes.length + 12).fill(255);
    message.set(bytes, 7);
    values[name] = new DataView(message.buffer, 7, bytes.length);
  }
  return values;
}

/** Payloads with the names of panes that Python sends, here those of `nameOf`. */
export function named(payloads: Payload[], nameOf: (meta: Meta) => string): Payload[] {
  const panes = payloads.map(({ meta }) => nameOf(meta));
  const pairs = panes.map((own, i): [string, string] => [own, panes[(i + 1) % panes.length]]);
  return payloads.map((payload) => ({ ...payload, meta: { ...payload.meta, names: { panes, keys: panes, pairs } } }));
}

/** An abort controller without Node's limit of ten listeners, which browsers do not have. */
export function controller(): AbortController {
  const abortController = new AbortController();
  setMaxListeners(0, abortController.signal);
  return abortController;
}

/** A model as anywidget provides it in a notebook: several listeners, sent messages, and a widget manager. */
export class FakeModel implements Model {
  readonly sent: RequestMessage[] = [];
  readonly listeners = new Map<string, Set<Listener>>();
  readonly widget_manager: unknown;
  readonly values: Record<string, unknown>;
  /** The object that anywidget binds listeners to. */
  readonly view: { model: { comm_live?: boolean } } = { model: {} };

  constructor(values: Record<string, unknown> = {}, kernel: unknown = null) {
    this.values = values;
    this.widget_manager = { kernel };
  }

  get(name: string): unknown {
    return this.values[name];
  }

  set(name: string, value: unknown): void {
    this.values[name] = value;
    this.emit(`change:${name}`);
  }

  save_changes(): void {}

  on(event: string, callback: Listener): void {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event)!.add(callback);
  }

  off(event: string, callback: Listener): void {
    this.listeners.get(event)?.delete(callback);
  }

  send(content: unknown): void {
    this.sent.push(content as RequestMessage);
  }

  emit(event: string, content?: unknown, buffers: readonly Bytes[] = []): void {
    for (const callback of [...(this.listeners.get(event) ?? [])]) callback.call(this.view, content, buffers);
  }

  /** Answer the last request of an operation. */
  answer(op: string, rest: Record<string, unknown>): void {
    const { id } = this.requests(op).at(-1)!;
    this.emit("msg:custom", { v: 2, id, ...rest });
  }

  requests(op: string): RequestMessage[] {
    return this.sent.filter((message) => message.op === op);
  }

  get listening(): number {
    return [...this.listeners.values()].reduce((sum, callbacks) => sum + callbacks.size, 0);
  }
}

/** A signal like JupyterLab's: slots are called with the sender and a value. */
export class FakeSignal<T> {
  readonly slots = new Set<(sender: unknown, value: T) => void>();

  connect(slot: (sender: unknown, value: T) => void): void {
    this.slots.add(slot);
  }

  disconnect(slot: (sender: unknown, value: T) => void): void {
    this.slots.delete(slot);
  }

  emit(value: T): void {
    for (const slot of [...this.slots]) slot(this, value);
  }
}
