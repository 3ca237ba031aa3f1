import type { Host } from "./host.js";
import type { Pane } from "./pane.js";
import type { Json, Payload } from "./protocol.js";
import type { Session } from "./session.js";

/** The method that shows where the attention of one patch goes. */
const PATCH_METHOD = "patch_attention";

/** Slice, row and column, counted from 0. */
export type Patch = readonly [slice: number, row: number, column: number];

interface Asked {
  method?: string;
  params?: { [name: string]: Json };
  grid?: Patch;
}

/** Players that were told that a patch cannot be asked about. */
const told = new WeakSet<Host>();

/** What was last on show in a pane that was not about a patch. */
const before = new WeakMap<Pane, Payload>();

/** The patch that an explanation, or a wish, is about; `null` where it is about none. */
export function patchOf({ method, params, grid }: Asked): Patch | null {
  if (method !== PATCH_METHOD) return null;
  return ((params?.patch ?? grid?.map((count) => count >> 1)) as Patch | undefined) ?? null;
}

/** That patch in words; empty where there is none. */
export function patchWords(asked: Asked): string {
  const patch = patchOf(asked);
  if (!patch) return "";
  const [slice, row, column] = patch.map((index) => index + 1);
  return `attention of the patch at row ${row}, column ${column}, slice ${slice}`;
}

/** Ask where the attention of a patch goes, or say once what is missing for that. */
export function askPatch(session: Session, pane: Pane, patch: Patch): void {
  const { host, panes } = session;
  const { kernel, work } = host;
  let why = "";
  if (!kernel.computes.peek()) why = kernel.why.peek() || "To ask about a patch, open this in a notebook";
  else if (!pane.meta.peek().methods.some(({ group }) => group === "attention")) why = "This model shows no attention";
  if (!why) work.ask({ method: PATCH_METHOD, params: { patch: [...patch] }, pane: panes.indexOf(pane) });
  else if (!told.has(host)) {
    told.add(host);
    session.say(why);
  }
}

/** Note what a patch may take the place of. */
export function keepBefore(pane: Pane, payload: Payload): void {
  if (!patchOf(payload.meta)) before.set(pane, payload);
}

/** Go back from a patch to what was shown before, or stop computing one; `false` where there is none. */
export function leavePatch({ active, host: { work, kernel }, state }: Session): unknown {
  if (patchOf(work.running.peek()?.wish ?? {})) return work.cancel();
  const pane = active.peek();
  if (!patchOf(pane.meta.peek())) return false;
  if (/none|gone/.test(kernel.state.peek())) {
    // Nobody is there to bring it back, but it was kept.
    const payload = before.get(pane);
    if (!payload) return false;
    pane.payload.value = payload;
  }
  state.patch.value = null;
  return undefined;
}
