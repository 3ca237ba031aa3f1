import { leavePatch } from "../asked.js";
import type { Session } from "../session.js";
import { percent } from "./dom.js";

/** What keys can do beyond the session. */
export interface Acts {
  savePicture(): void;
  takeAway(): void;
  fullScreen(): void;
  help(): void;
}

interface Binding {
  /** As the help names them. */
  keys: string[];
  does: string;
  /** Values of `KeyboardEvent.key`, letters in lower case, `shift+` before arrows and P where it is held. */
  on: string[];
  /** Whether it needs a kernel. */
  kernel?: true;
  /** Returns `false` where there was nothing to do, so that the key goes on to the page. */
  run(session: Session, acts: Acts, key: string): unknown;
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

export const KEYS: readonly Binding[] = [
  { keys: ["Space", "K"], does: "play or pause", on: [" ", "k"], run: (s) => s.togglePlay() },
  {
    keys: ["←", "→", ",", "."],
    does: "one frame back or on",
    on: ["arrowleft", "arrowright", ",", "."],
    run: (s, _, key) => s.step(key === "arrowleft" || key === "," ? -1 : 1),
  },
  {
    keys: ["Shift ←", "Shift →"],
    does: "to the frame before or after that the model was given",
    on: ["shift+arrowleft", "shift+arrowright"],
    run: (s, _, key) => s.stepSampled(key === "shift+arrowleft" ? -1 : 1),
  },
  {
    keys: ["Home", "End"],
    does: "first or last frame",
    on: ["home", "end"],
    run: (s, _, key) => s.seek(key === "home" ? 0 : s.clock.count - 1),
  },
  {
    keys: ["0", "…", "9"],
    does: "to 0 % … 90 % of the clip",
    on: [..."0123456789"],
    run: (s, _, key) => s.seekTime(s.clock.start + (Number(key) / 10) * (s.clock.end - s.clock.start)),
  },
  {
    keys: ["J", "L"],
    does: "slower or faster",
    on: ["j", "l"],
    run: (s, _, key) => s.changeRate(key === "j" ? -1 : 1),
  },
  {
    keys: ["[", "]"],
    does: "select from or up to this frame; playback stays inside",
    on: ["[", "]"],
    run: (s, _, key) => s.mark(key === "[" ? 0 : 1),
  },
  {
    keys: ["Esc"],
    does: "back from a patch that was asked about; clear the selection",
    on: ["escape"],
    run: (s) => leavePatch(s) !== false || (s.state.selection.value ? s.select(null) : false),
  },
  { keys: ["G"], does: "truth on or off, where it is known", on: ["g"], run: (s) => s.toggleTruth() },
  { keys: ["O"], does: "hold to see the frame without heat", on: ["o"], run: (s) => s.lift(true) },
  {
    keys: ["+", "−"],
    does: "opacity",
    on: ["+", "=", "-"],
    run: (s, _, key) => {
      const { opacity } = s.state;
      opacity.value = clamp(Math.round(20 * opacity.value + (key === "-" ? -1 : 1)) / 20, 0, 1);
      s.say(`Opacity ${percent(opacity.value)}`);
    },
  },
  {
    keys: ["T"],
    does: "dynamic threshold on or off",
    on: ["t"],
    run: (s) => {
      s.state.threshold.value = s.state.threshold.value > 0 ? 0 : s.autoThreshold;
      s.say(
        s.state.threshold.value > 0 ? `The weakest ${percent(s.state.threshold.value)} are hidden` : "No threshold",
      );
    },
  },
  {
    keys: ["C"],
    does: "next colour table",
    on: ["c"],
    run: (s) => {
      if (s.colours.value === "diverging") return s.say("Signed maps keep their diverging colours");
      s.state.colormap.value = s.tables[(s.tables.indexOf(s.colours.value) + 1) % s.tables.length];
      return s.say(`Colours: ${s.state.colormap.value}`);
    },
  },
  {
    keys: ["↑", "↓"],
    does: "layer up or down; below the first is the joint map",
    on: ["arrowup", "arrowdown"],
    run: (s, _, key) => {
      const { attention } = s.meta.value;
      if (!attention) return s.say("This explanation carries no layers");
      const { layer } = s.state;
      layer.value = clamp(layer.value + (key === "arrowup" ? 1 : -1), -1, attention[0] - 1);
      return s.say(layer.value < 0 ? "Joint map" : `Layer ${layer.value + 1}`);
    },
  },
  {
    keys: ["H", "A"],
    does: "next head of the layer; mean of its heads",
    on: ["h", "a"],
    run: (s, _, key) => {
      const { attention } = s.meta.value;
      if (!attention || s.state.layer.value < 0) return s.say("Choose a layer first (↑)");
      const { head } = s.state;
      head.value = key === "a" ? -1 : (head.value + 1) % attention[1];
      return s.say(head.value < 0 ? "Mean of heads" : `Head ${head.value + 1}`);
    },
  },
  {
    keys: ["P", "Shift P"],
    does: "next pane or the one before, where there are several",
    on: ["p", "shift+p"],
    run: (s, _, key) => s.panes.length > 1 && s.turn(key === "p" ? 1 : -1),
  },
  { keys: ["V"], does: "next view", on: ["v"], run: (s) => s.nextView() },
  { keys: ["M"], does: "next method", on: ["m"], kernel: true, run: (s) => s.nextMethod() },
  { keys: ["F"], does: "full screen", on: ["f"], run: (_, acts) => acts.fullScreen() },
  { keys: ["S"], does: "save this picture", on: ["s"], run: (_, acts) => acts.savePicture() },
  { keys: ["E"], does: "take away a picture, film, page, table or code", on: ["e"], run: (_, acts) => acts.takeAway() },
  { keys: ["?"], does: "this list", on: ["?"], run: (_, acts) => acts.help() },
];

const BY_KEY = new Map(KEYS.flatMap((binding) => binding.on.map((key) => [key, binding])));

/** Keys that a control under the focus uses itself. */
function ownKeys(target: EventTarget | null): RegExp | null {
  if (target instanceof HTMLSelectElement) return /./;
  if (target instanceof HTMLInputElement && target.type === "search") return /./;
  if (target instanceof HTMLInputElement && target.type === "range") return /^(shift\+)?(arrow|home|end|page)/;
  if (target instanceof HTMLElement && target.matches("button, input, summary, a")) return /^( |enter)$/;
  return null;
}

/** Listen for keys anywhere inside `root`; handled ones go no further, all others do. */
export function listenForKeys(root: HTMLElement, session: Session, acts: Acts): void {
  const options = { signal: session.until };
  const handle = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || root.querySelector("dialog[open]")) return;
    const name = event.key.toLowerCase();
    const key = event.shiftKey && /^(arrow|p$)/.test(name) ? `shift+${name}` : name;
    if (ownKeys(event.target)?.test(key)) return;
    if (BY_KEY.get(key)?.run(session, acts, key) === false || !BY_KEY.has(key)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  // JupyterLab looks at the element that has the focus first, and hears keys before it: being told so on `root` is not
  // enough for the controls inside.
  const claim = ({ target }: Event) => (target as HTMLElement).setAttribute("data-lm-suppress-shortcuts", "true");
  const lower = () => session.lift(false);
  root.addEventListener("focusin", claim, options);
  root.addEventListener("keydown", handle, options);
  root.addEventListener("keyup", (event) => event.key.toLowerCase() === "o" && lower(), options);
  root.addEventListener("focusout", lower, options);
}
