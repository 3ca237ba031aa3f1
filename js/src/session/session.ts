// The session: the state that all parts of the player share while the same clips are shown.

import type { State } from "../core/settings.js";
import type { Host } from "../host/connection.js";
import type { Payload } from "../host/payload.js";
import { type Actions, createActions } from "./actions.js";
import { openPanes, type Panes } from "./panes.js";
import { deriveView, type SessionView } from "./view.js";

export interface Session {
  /** Settings that Python reads and sets too. */
  readonly state: State;
  /** The kernel, requests and notices. */
  readonly host: Host;
  /** The explanations shown. */
  readonly panes: Panes;
  /** Signals that are derived from panes and settings. */
  readonly view: SessionView;
  /** Moves that the user can make. */
  readonly actions: Actions;
  /** Aborted when the session ends. */
  readonly until: AbortSignal;
}

/** Open a session with one pane for each payload. */
export function openSession(payloads: readonly Payload[], state: State, host: Host, until: AbortSignal): Session {
  const panes = openPanes(payloads, state, host, until);
  const view = deriveView(panes, state, host);
  const actions = createActions(panes, view, state, host);
  return { state, host, panes, view, actions, until };
}
