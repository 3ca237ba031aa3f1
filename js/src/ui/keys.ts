// Keyboard shortcuts: the table of keys, and the listener.

import { DIVERGING, SLIDERS } from "../core/generated.js";
import { clamp } from "../core/timeline.js";
import type { Session } from "../session/session.js";
import { percent } from "./dom.js";

/** What keys can do beyond the session. */
export interface PlayerActions {
  savePicture(): void;
  openExport(): void;
  fullScreen(): void;
  help(): void;
}

/**
 * Keys between bars, what they do, and how. `by` is -1 for the first key and the third, else 1. A run returns `false` where
 * there was nothing to do, so that the key goes on to the page.
 */
type Binding = readonly [
  keys: string,
  does: string,
  run: (session: Session, by: 1 | -1, acts: PlayerActions, key: string) => unknown,
];

export const KEYS: readonly Binding[] = [
  ["Space|K", "play or pause", ({ actions }) => actions.togglePlay()],
  ["←|→|,|.", "one frame back or on", ({ actions }, by) => actions.step(by)],
  ["Shift ←|Shift →", "one sampled frame back or on", ({ actions }, by) => actions.stepSampled(by)],
  ["Home|End", "first or last frame", ({ actions, panes }, by) => actions.seek(by * panes.timeline.count)],
  [
    "0–9",
    "to 0 % … 90 % of the clip",
    ({ actions, panes: { timeline } }, _by, _acts, key) =>
      actions.seekTime(timeline.start + (Number(key) / 10) * (timeline.end - timeline.start)),
  ],
  ["J|L", "slower or faster", ({ actions }, by) => actions.changeRate(by)],
  ["[|]", "select from or up to this frame", ({ actions }, by) => actions.setSelectionEnd(by < 0 ? 0 : 1)],
  [
    "Esc",
    "leave a patch; clear the selection",
    ({ actions, state }) => actions.leavePatch() || (state.selection.value ? actions.select(null) : false),
  ],
  ["G", "truth on or off", ({ actions }) => actions.toggleGroundTruth()],
  ["O", "hold to lift the heat", ({ actions }) => actions.hideHeat(true)],
  [
    "−|+",
    "opacity",
    ({ state: { opacity }, host }, by) => {
      opacity.value = clamp(Math.round(20 * opacity.value + by) / 20, ...SLIDERS.opacity);
      host.notify(`Opacity ${percent(opacity.value)}`);
    },
  ],
  [
    "T",
    "dynamic threshold on or off",
    ({ state: { threshold }, view, host }) => {
      threshold.value = threshold.value ? 0 : view.autoThreshold;
      host.notify(threshold.value ? `The weakest ${percent(threshold.value)} are hidden` : "No threshold");
    },
  ],
  [
    "C",
    "next colour table",
    ({ state, view, host }) => {
      const signed = view.colormap.value === DIVERGING;
      const { colormaps } = view;
      const next = colormaps[(colormaps.indexOf(view.colormap.value) + 1) % colormaps.length];
      if (!signed) state.colormap.value = next as typeof state.colormap.value;
      host.notify(`Colours: ${view.colormap.value}${signed ? ", as the map is signed" : ""}`);
    },
  ],
  [
    "↓|↑",
    "layer down or up; the lowest is the joint map",
    ({ state: { layer }, view, host }, by) => {
      const { attention } = view.meta.value;
      if (attention) layer.value = clamp(layer.value + by, -1, attention[0] - 1);
      host.notify(attention ? (layer.value < 0 ? "Joint map" : `Layer ${layer.value + 1}`) : "No layers here");
    },
  ],
  [
    "H|A",
    "next head; mean of heads",
    ({ state: { layer, head }, view, host }, by) => {
      const { attention } = view.meta.value;
      if (!attention || layer.value < 0) return host.notify("Choose a layer first (↑)");
      head.value = by < 0 ? (head.value + 1) % attention[1] : -1;
      return host.notify(by < 0 ? `Head ${head.value + 1}` : "Mean of heads");
    },
  ],
  [
    "P|Shift P",
    "next pane or the one before",
    ({ actions, panes }, by) => panes.all.length > 1 && actions.stepPane(by < 0 ? 1 : -1),
  ],
  ["V", "next view", ({ actions }) => actions.nextView()],
  ["M", "next method, in a notebook", ({ actions }) => actions.nextMethod()],
  ["F", "full screen", (_session, _by, acts) => acts.fullScreen()],
  ["S", "save this picture", (_session, _by, acts) => acts.savePicture()],
  ["E", "take away", (_session, _by, acts) => acts.openExport()],
  ["?", "this list", (_session, _by, acts) => acts.help()],
];

/** Values of `KeyboardEvent.key` that are listed by another name. */
const NAMES: { [key: string]: string } = {
  " ": "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  "-": "−",
  "=": "+",
};

/** Keys that a control under the focus uses itself. */
const OWN: readonly (readonly [controls: string, keys: RegExp])[] = [
  ["select, [type=search]", /./],
  ["[type=range]", /[←→↑↓]|HOME|END|PAGE/],
  ["button, summary, a", /SPACE|ENTER/],
];

/** Listen for keys anywhere inside `root`; handled ones go no further, all others do. */
export function listenForKeys(root: HTMLElement, session: Session, acts: PlayerActions): void {
  const options = { signal: session.until };
  const handle = (event: KeyboardEvent) => {
    const { key, shiftKey } = event;
    const target = event.target as Element;
    if (event.ctrlKey || event.metaKey || event.altKey || root.querySelector("dialog[open]")) return;
    const name = (/^\d$/.test(key) ? "0–9" : (NAMES[key] ?? key)).toUpperCase();
    if (OWN.some(([controls, keys]) => target.matches(controls) && keys.test(name))) return;
    const full = shiftKey && /^[←→↑↓P]$/.test(name) ? `SHIFT ${name}` : name;
    for (const [keys, , run] of KEYS) {
      const at = keys.toUpperCase().split("|").indexOf(full);
      if (at < 0 || run(session, at % 2 ? 1 : -1, acts, key) === false) continue;
      event.preventDefault();
      event.stopPropagation();
    }
  };
  // JupyterLab looks at the element that has the focus first, and hears keys before it: being told so on `root` is not
  // enough for the controls inside.
  const claim = ({ target }: Event) => (target as HTMLElement).setAttribute("data-lm-suppress-shortcuts", "true");
  const lower = () => session.actions.hideHeat(false);
  root.addEventListener("focusin", claim, options);
  root.addEventListener("keydown", handle, options);
  for (const type of ["keyup", "focusout"]) root.addEventListener(type, lower, options);
}
