// Messages between the player and the kernel: their types, and how an answer is read.

import { MESSAGE_VERSION, type Op } from "../core/generated.js";
import type { Json } from "../core/json.js";

export interface Progress {
  done: number;
  total: number;
  label: string;
}

/** Why a request failed, for the user. */
export interface Failure {
  /** Name of the error class. */
  type: string;
  message: string;
  hint: string;
  /** Key under which the kernel keeps the traceback; empty for expected errors. */
  traceback: string;
}

export interface RequestMessage {
  v: number;
  id: string;
  op: Op | "cancel";
  args: { [key: string]: Json };
}

export type Answer = { v: number; id: string } & (
  | { ok: true; result: { [key: string]: Json } }
  | { ok: false; error: Failure }
  | { progress: Progress }
);

/** Read a message from the kernel; `null` if it is not an answer of this version. */
export function readAnswer(content: unknown): Answer | null {
  const { v, id, ok, progress } = (content ?? {}) as Record<string, unknown>;
  return v === MESSAGE_VERSION && typeof id === "string" && (progress ?? ok) !== undefined ? (content as Answer) : null;
}
