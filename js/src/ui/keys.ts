// Keyboard shortcuts: the table of keys, descriptions and actions; tooltips that name keys; and the listener.

import { DIVERGING, SLIDERS } from "../core/generated.js";
import { clamp } from "../core/timeline.js";
import type { Session } from "../session/session.js";
import { percent } from "./dom.js";

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
export type Command = (session: Session, by: 1 | -1, playerActions: PlayerActions, key: string) => unknown;

/**
 * All keyboard shortcuts: keys separated by bars, the description in the list of shortcuts, and the action. Where a
 * shortcut has two directions, keys alternate between them.
 */
export const SHORTCUTS = {
  play: { keys: "Space|K", description: "Play or pause", run: ({ actions }) => actions.togglePlay() },
  step: { keys: "←|→|,|.", description: "Previous or next frame", run: ({ actions }, by) => actions.step(by) },
  stepSampled: {
    keys: "Shift ←|Shift →",
    description: "Previous or next sampled frame",
    run: ({ actions }, by) => actions.stepSampled(by),
  },
  ends: {
    keys: "Home|End",
    description: "First or last frame",
    run: ({ actions, panes }, by) => actions.seek(by * panes.timeline.count),
  },
  percent: {
    keys: "0–9",
    description: "Jump to 0 % … 90 % of the clip",
    run: ({ actions, panes: { timeline } }, _by, _playerActions, key) =>
      actions.seekTime(timeline.start + (Number(key) / 10) * (timeline.end - timeline.start)),
  },
  rate: { keys: "J|L", description: "Slower or faster", run: ({ actions }, by) => actions.changeRate(by) },
  select: {
    keys: "[|]",
    description: "Start or end the selection at this frame",
    run: ({ actions }, by) => actions.setSelectionEnd(by < 0 ? 0 : 1),
  },
  leave: {
    keys: "Esc",
    description: "Close the attention of a patch, or clear the selection",
    run: ({ actions, state }) => actions.leavePatch() || (state.selection.value ? actions.select(null) : false),
  },
  groundTruth: {
    keys: "G",
    description: "Show or hide the ground truth",
    run: ({ actions }) => actions.toggleGroundTruth(),
  },
  raw: {
    keys: "O",
    description: "Hide the heat map while the key is held",
    run: ({ actions }) => actions.hideHeat(true),
  },
  opacity: {
    keys: "−|+",
    description: "Lower or raise the opacity",
    run: ({ state: { opacity }, host }, by) => {
      opacity.value = clamp(Math.round(20 * opacity.value + by) / 20, ...SLIDERS.opacity);
      host.notify(`Opacity ${percent(opacity.value)}`);
    },
  },
  threshold: {
    keys: "T",
    description: "Automatic threshold on or off",
    run: ({ state: { threshold }, view, host }) => {
      threshold.value = threshold.value ? 0 : view.autoThreshold;
      const { value } = threshold;
      host.notify(
        value ? `Threshold ${percent(value)}: the weakest ${percent(value)} of the cells are hidden` : "No threshold",
      );
    },
  },
  colormap: {
    keys: "C",
    description: "Next colormap",
    run: ({ state, view, host }) => {
      const signed = view.colormap.value === DIVERGING;
      const { colormaps } = view;
      const next = colormaps[(colormaps.indexOf(view.colormap.value) + 1) % colormaps.length];
      if (!signed) state.colormap.value = next as typeof state.colormap.value;
      host.notify(`Colormap: ${view.colormap.value}${signed ? ", because the map is signed" : ""}`);
    },
  },
  layer: {
    keys: "↓|↑",
    description: "Previous or next layer; before the first comes the map of all layers",
    run: ({ state: { layer }, view, host }, by) => {
      const { attention } = view.meta.value;
      if (!attention) return host.notify("The attention of single layers is not stored in this explanation");
      layer.value = clamp(layer.value + by, -1, attention[0] - 1);
      return host.notify(layer.value < 0 ? "All layers" : `Layer ${layer.value + 1}`);
    },
  },
  head: {
    keys: "H|A",
    description: "Next head; mean of all heads",
    run: ({ state: { layer, head }, view, host }, by) => {
      const { attention } = view.meta.value;
      if (!attention || layer.value < 0) return host.notify("Choose a layer first (↑)");
      head.value = by < 0 ? (head.value + 1) % attention[1] : -1;
      return host.notify(by < 0 ? `Head ${head.value + 1}` : "Mean of all heads");
    },
  },
  pane: {
    keys: "P|Shift P",
    description: "Next or previous pane",
    run: ({ actions, panes }, by) => panes.all.length > 1 && actions.stepPane(by < 0 ? 1 : -1),
  },
  view: { keys: "V", description: "Next view", run: ({ actions }) => actions.nextView() },
  method: { keys: "M", description: "Next method (in a notebook)", run: ({ actions }) => actions.nextMethod() },
  fullScreen: {
    keys: "F",
    description: "Full screen",
    run: (_session, _by, playerActions) => playerActions.fullScreen(),
  },
  save: {
    keys: "S",
    description: "Save the picture",
    run: (_session, _by, playerActions) => playerActions.savePicture(),
  },
  export: {
    keys: "E",
    description: "Save or share",
    run: (_session, _by, playerActions) => playerActions.openExport(),
  },
  help: {
    keys: "?",
    description: "Show the keyboard shortcuts",
    run: (_session, _by, playerActions) => playerActions.help(),
  },
} as const satisfies { readonly [name: string]: { keys: string; description: string; run: Command } };

export type Shortcut = keyof typeof SHORTCUTS;

/** A tooltip: a text and its keys, such as `Speed (J, L)`; with `at` one key alone, such as `Next frame (→)`. */
export function tooltip(text: string, shortcut: Shortcut, at?: number): string {
  const keys = SHORTCUTS[shortcut].keys.split("|");
  // The others are alternatives: `Space` or `K` for play.
  const directions = keys.slice(0, shortcut === "play" ? 1 : 2);
  return `${text} (${at === undefined ? directions.join(", ") : keys[at]})`;
}

const keysOf = (shortcut: Shortcut): string[] => SHORTCUTS[shortcut].keys.toUpperCase().split("|");

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
    const shortcuts = Object.keys(SHORTCUTS) as Shortcut[];
    const shifted = `SHIFT ${name}`;
    const keyName = shiftKey && shortcuts.some((shortcut) => keysOf(shortcut).includes(shifted)) ? shifted : name;
    for (const shortcut of shortcuts) {
      const at = keysOf(shortcut).indexOf(keyName);
      if (at < 0 || SHORTCUTS[shortcut].run(session, at % 2 ? 1 : -1, playerActions, key) === false) continue;
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
