// What the user can do with patches: ask for the attention of one, and go back.

import { PATCH_METHOD } from "../core/generated.js";
import type { Host } from "../host/connection.js";
import type { Payload } from "../host/payload.js";
import type { Pane } from "./pane.js";
import { type Patch, patchOf } from "./patch.js";
import type { Session } from "./session.js";

/** Players that were told that a patch cannot be asked about. */
const told = new WeakSet<Host>();

/** What was last on show in a pane that was not about a patch. */
const before = new WeakMap<Pane, Payload>();

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
