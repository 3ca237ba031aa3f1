// Actions with patches: request the attention of one, and go back.

import type { Signal } from "@preact/signals-core";
import { PATCH_METHOD } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import type { State } from "../core/settings.js";
import type { Host } from "../host/connection.js";
import type { Meta } from "../host/payload.js";
import type { Pane } from "./pane.js";
import { type Patch, patchOf } from "./patch.js";

/** Request the attention of a patch, or say once what is missing for that. */
export function requestPatch({ host, panes }: { host: Host; panes: readonly Pane[] }, pane: Pane, patch: Patch): void {
  const { kernel, computation, shownHints, notify } = host;
  let missing = "";
  if (!kernel.canCompute.peek())
    missing = kernel.reason.peek() || "To see where the attention of a patch goes, open this in a notebook";
  else if (!pane.meta.peek().methods.some(({ group }) => group === "attention")) {
    missing = "The attention of this model cannot be read";
  }
  if (!missing) {
    computation.start({ method: PATCH_METHOD, params: { patch: [...patch] }, pane: panes.indexOf(pane) });
  } else if (!shownHints.has("patch")) {
    shownHints.add("patch");
    notify(missing);
  }
}

/** Keep the last payload of a pane that is not about a patch, until `until` is aborted. */
export function rememberPayload(pane: Pane, until: AbortSignal): void {
  watch(until, () => {
    const payload = pane.payload.value;
    if (!patchOf(payload.meta)) pane.beforePatch = payload;
  });
}

/** The pane to go back in, and the names of all panes, which change with it. */
interface PatchPane {
  readonly host: Host;
  readonly state: State;
  readonly pane: Pane;
  readonly names: Signal<Meta["names"]>;
}

/** Go back from a patch to what was shown before, or stop computing one; return whether there was anything to leave. */
export function leavePatch({ host, state, pane, names }: PatchPane): boolean {
  const { computation, kernel } = host;
  if (patchOf(computation.running.peek()?.request ?? {})) {
    computation.cancel();
    return true;
  }
  if (!patchOf(pane.meta.peek())) return false;
  if (/none|gone/.test(kernel.state.peek())) {
    // Python cannot send the explanation again.
    if (!pane.beforePatch) return false;
    pane.payload.value = pane.beforePatch;
    names.value = pane.beforePatch.meta.names;
  }
  state.patch.value = null;
  return true;
}
