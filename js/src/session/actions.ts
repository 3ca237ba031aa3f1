// Actions: everything that the user can do with buttons, menus and keys.

import type { State } from "../core/settings.js";
import { readable } from "../core/text.js";
import { clamp } from "../core/timeline.js";
import type { Host } from "../host/connection.js";
import type { Request } from "../host/requests.js";
import type { Rejection } from "../host/rpc.js";
import type { Pane } from "./pane.js";
import type { Panes } from "./panes.js";
import type { Patch } from "./patch.js";
import { leavePatch, requestPatch } from "./patch_actions.js";
import type { SessionView } from "./view.js";

/** Speeds of playback, in times of real speed. */
export const RATES = [0.1, 0.25, 0.5, 1, 2, 4];

/** Moves that the user can make. */
export interface Actions {
  /** Request another method; a method that is the same for all classes is requested without a class. */
  explain(method: string, target?: number): void;
  /** Request a computation for the pane that is active now, which need not be active when it is done. */
  request(request: Request): void;
  /** Request the attention of a patch, or say once what is missing for that. */
  requestPatch(pane: Pane, patch: Patch): void;
  /** Go back from a patch to what was shown before, or stop computing one; return whether there was anything to leave. */
  leavePatch(): boolean;
  /** Compute another method for the class shown, and add it as a pane. */
  addPane(method: string): void;
  /** Close one of several panes. */
  closePane(index: number): void;
  /** Make the next pane the active one, or the one before. */
  stepPane(by: 1 | -1): void;
  nextView(): void;
  /** Request the next method in the order of the menu, counted from the one that was requested last. */
  nextMethod(): void;
  toggleGroundTruth(): void;
  /** Show the frames without heat, or with it again. */
  hideHeat(hidden: boolean): void;
  seek(position: number): void;
  seekTime(second: number): void;
  /** Stop, and move by this number of frames. */
  step(by: number): void;
  /** Stop, and move to the next sampled frame in a direction. */
  stepSampled(direction: 1 | -1): void;
  togglePlay(): void;
  /** Play slower or faster. */
  changeRate(direction: 1 | -1): void;
  /** Move the start (0) or the end (1) of the selection to the current frame. */
  setSelectionEnd(end: 0 | 1): void;
  select(range: readonly [number, number] | null): void;
}

export function createActions(panes: Panes, view: SessionView, state: State, host: Host): Actions {
  const { all, index, timeline, position } = panes;
  const { kernel, computation, notify } = host;
  const seek = (to: number) => {
    state.frame.value = timeline.frames[clamp(to, 0, timeline.count - 1)];
  };
  const stopAt = (to: number) => {
    state.playing.value = false;
    seek(to);
  };
  const { rpc } = host;
  // A difference of classes or a function stays what is explained.
  const withTarget = (method: string, target = view.meta.peek().target) =>
    view.meta.peek().methods.find(({ name }) => name === method)?.class_specific && target >= 0
      ? { method, target }
      : { method };
  const titleOf = (method: string) => view.meta.peek().methods.find(({ name }) => name === method)?.title ?? method;
  const actions: Actions = {
    explain: (method, target) => actions.request(withTarget(method, target)),
    // The pane after the last one is a new one.
    addPane: (method) => computation.start({ ...withTarget(method), pane: all.length }),
    closePane(pane) {
      rpc.request("close_pane", { pane }).answer.catch(({ failure }: Rejection) => notify(failure.message));
    },
    request: (request) => computation.start(all.length > 1 ? { ...request, pane: index.peek() } : request),
    requestPatch: (pane, patch) => requestPatch({ host, panes: all }, pane, patch),
    leavePatch: () => leavePatch({ host, state, pane: panes.active.peek(), names: panes.names }),
    stepPane(by) {
      state.pane.value = (index.peek() + by + all.length) % all.length;
      notify(readable(view.names.peek()[index.peek()]));
    },
    nextView() {
      const allowed = view.modes.filter(view.allows);
      state.view.value = allowed[(allowed.indexOf(view.mode.value) + 1) % allowed.length];
    },
    nextMethod() {
      const { methods, method } = view.meta.value;
      const last = methods.findIndex(({ name }) => name === (view.activeRequest?.method ?? method));
      const next = methods[(last + 1) % methods.length]?.name ?? method;
      if (!kernel.canCompute.value) notify(kernel.reason.value || "Another method needs a running notebook");
      else if (next === method) computation.cancel();
      else {
        actions.explain(next);
        notify(`Computing ${titleOf(next)}`);
      }
    },
    toggleGroundTruth() {
      const { show_ground_truth: shown } = state;
      const { ground_truth: truth } = view.meta.value;
      if (truth) shown.value = !shown.value;
      notify(
        !truth
          ? "This clip has no ground truth"
          : shown.value
            ? `Ground truth: ${readable(truth.label)}`
            : "Ground truth hidden",
      );
    },
    hideHeat(hidden) {
      view.heatHidden.value = hidden;
    },
    seek,
    seekTime: (second) => seek(timeline.positionAt(second)),
    step: (by) => stopAt(position.value + by),
    stepSampled: (direction) => stopAt(timeline.nextSampled(position.value, direction)),
    togglePlay() {
      state.playing.value = !state.playing.value;
    },
    changeRate(direction) {
      const now = RATES.findIndex((rate) => rate >= state.rate.value);
      state.rate.value = RATES[clamp(now + direction, 0, RATES.length - 1)];
      notify(`${state.rate.value} × speed`);
    },
    setSelectionEnd(end) {
      const here = end ? timeline.endOf(position.value) : view.time.value;
      const [from, to] = view.playedRange;
      actions.select(end ? [from < here ? from : timeline.start, here] : [here, to > here ? to : timeline.end]);
    },
    select(range) {
      state.selection.value = range && range[1] > range[0] ? range : null;
    },
  };
  return actions;
}
