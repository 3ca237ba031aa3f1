// The command of each keyboard shortcut, and the listener.

import { DIVERGING, SLIDERS } from "../core/generated.js";
import { clamp } from "../core/timeline.js";
import type { Session } from "../session/session.js";
import { percent } from "./dom.js";
import { SHORTCUTS, type Shortcut } from "./shortcuts.js";

/** Actions of keys and buttons that need more than the session. */
export interface PlayerActions {
  savePicture(): void;
  openExport(): void;
  fullScreen(): void;
  help(): void;
}

/**
 * Run a shortcut. `by` is -1 for its first and third key, else 1. Returns `false` if there was nothing to do; the page then
 * handles the key.
 */
type Command = (session: Session, by: 1 | -1, playerActions: PlayerActions, key: string) => unknown;

export const COMMANDS: { readonly [name in Shortcut]: Command } = {
  play: ({ actions }) => actions.togglePlay(),
  step: ({ actions }, by) => actions.step(by),
  stepSampled: ({ actions }, by) => actions.stepSampled(by),
  ends: ({ actions, panes }, by) => actions.seek(by * panes.timeline.count),
  percent: ({ actions, panes: { timeline } }, _by, _playerActions, key) =>
    actions.seekTime(timeline.start + (Number(key) / 10) * (timeline.end - timeline.start)),
  rate: ({ actions }, by) => actions.changeRate(by),
  select: ({ actions }, by) => actions.setSelectionEnd(by < 0 ? 0 : 1),
  leave: ({ actions, state }) => actions.leavePatch() || (state.selection.value ? actions.select(null) : false),
  groundTruth: ({ actions }) => actions.toggleGroundTruth(),
  raw: ({ actions }) => actions.hideHeat(true),
  opacity: ({ state: { opacity }, host }, by) => {
    opacity.value = clamp(Math.round(20 * opacity.value + by) / 20, ...SLIDERS.opacity);
    host.notify(`Opacity ${percent(opacity.value)}`);
  },
  threshold: ({ state: { threshold }, view, host }) => {
    threshold.value = threshold.value ? 0 : view.autoThreshold;
    const { value } = threshold;
    host.notify(
      value ? `Threshold ${percent(value)}: the weakest ${percent(value)} of the cells are hidden` : "No threshold",
    );
  },
  colormap: ({ state, view, host }) => {
    const signed = view.colormap.value === DIVERGING;
    const { colormaps } = view;
    const next = colormaps[(colormaps.indexOf(view.colormap.value) + 1) % colormaps.length];
    if (!signed) state.colormap.value = next as typeof state.colormap.value;
    host.notify(`Colormap: ${view.colormap.value}${signed ? ", because the map is signed" : ""}`);
  },
  layer: ({ state: { layer }, view, host }, by) => {
    const { attention } = view.meta.value;
    if (!attention) return host.notify("The attention of single layers is not stored in this explanation");
    layer.value = clamp(layer.value + by, -1, attention[0] - 1);
    return host.notify(layer.value < 0 ? "All layers" : `Layer ${layer.value + 1}`);
  },
  head: ({ state: { layer, head }, view, host }, by) => {
    const { attention } = view.meta.value;
    if (!attention || layer.value < 0) return host.notify("Choose a layer first (↑)");
    head.value = by < 0 ? (head.value + 1) % attention[1] : -1;
    return host.notify(by < 0 ? `Head ${head.value + 1}` : "Mean of all heads");
  },
  pane: ({ actions, panes }, by) => panes.all.length > 1 && actions.stepPane(by < 0 ? 1 : -1),
  view: ({ actions }) => actions.nextView(),
  method: ({ actions }) => actions.nextMethod(),
  fullScreen: (_session, _by, playerActions) => playerActions.fullScreen(),
  save: (_session, _by, playerActions) => playerActions.savePicture(),
  export: (_session, _by, playerActions) => playerActions.openExport(),
  help: (_session, _by, playerActions) => playerActions.help(),
};

/** Names in the list of shortcuts for values of `KeyboardEvent.key`. */
const KEY_NAMES: { [key: string]: string } = {
  " ": "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  "-": "−",
  "=": "+",
};

/** Keys that belong to the control that has the focus. */
const KEYS_OF_CONTROLS: readonly (readonly [controls: string, keys: RegExp])[] = [
  ["select, [type=search]", /./],
  ["[type=range]", /[←→↑↓]|HOME|END|PAGE/],
  ["button, summary, a", /SPACE|ENTER/],
];

/** Listen for keys inside `root`. Keys of shortcuts are not passed on to the page. */
export function listenForKeys(root: HTMLElement, session: Session, playerActions: PlayerActions): void {
  const options = { signal: session.until };
  const handle = (event: KeyboardEvent) => {
    const { key, shiftKey } = event;
    const target = event.target as Element;
    if (event.ctrlKey || event.metaKey || event.altKey || root.querySelector("dialog[open]")) return;
    const name = (/^\d$/.test(key) ? "0–9" : (KEY_NAMES[key] ?? key)).toUpperCase();
    if (KEYS_OF_CONTROLS.some(([controls, keys]) => target.matches(controls) && keys.test(name))) return;
    const keyName = shiftKey && /^[←→↑↓P]$/.test(name) ? `SHIFT ${name}` : name;
    for (const shortcut of Object.keys(COMMANDS) as Shortcut[]) {
      const at = SHORTCUTS[shortcut][0].toUpperCase().split("|").indexOf(keyName);
      if (at < 0 || COMMANDS[shortcut](session, at % 2 ? 1 : -1, playerActions, key) === false) continue;
      event.preventDefault();
      event.stopPropagation();
    }
  };
  // JupyterLab handles keys before the player does, unless the element with the focus has this attribute; on `root` alone
  // it is not enough.
  const claimKeys = ({ target }: Event) => (target as HTMLElement).setAttribute("data-lm-suppress-shortcuts", "true");
  const showHeat = () => session.actions.hideHeat(false);
  root.addEventListener("focusin", claimKeys, options);
  root.addEventListener("keydown", handle, options);
  for (const type of ["keyup", "focusout"]) root.addEventListener(type, showHeat, options);
}
