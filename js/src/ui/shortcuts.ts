// Keyboard shortcuts: their keys and what they do. The list of keys and every tooltip are made from this table.

/** Keys separated by bars, and what they do. Where a shortcut has two directions, keys alternate: back, on, back, on. */
export const SHORTCUTS = {
  play: ["Space|K", "Play or pause"],
  step: ["←|→|,|.", "Previous or next frame"],
  stepSampled: ["Shift ←|Shift →", "Previous or next sampled frame"],
  ends: ["Home|End", "First or last frame"],
  percent: ["0–9", "Jump to 0 % … 90 % of the clip"],
  rate: ["J|L", "Slower or faster"],
  select: ["[|]", "Start or end the selection at this frame"],
  leave: ["Esc", "Close the attention of a patch, or clear the selection"],
  groundTruth: ["G", "Show or hide the ground truth"],
  raw: ["O", "Hide the heat map while the key is held"],
  opacity: ["−|+", "Lower or raise the opacity"],
  threshold: ["T", "Automatic threshold on or off"],
  colormap: ["C", "Next colormap"],
  layer: ["↓|↑", "Previous or next layer; before the first comes the map of all layers"],
  head: ["H|A", "Next head; mean of all heads"],
  pane: ["P|Shift P", "Next or previous pane"],
  view: ["V", "Next view"],
  method: ["M", "Next method (in a notebook)"],
  fullScreen: ["F", "Full screen"],
  save: ["S", "Save the picture"],
  export: ["E", "Export"],
  help: ["?", "Show the keyboard shortcuts"],
} as const satisfies { [name: string]: readonly [keys: string, does: string] };

export type Shortcut = keyof typeof SHORTCUTS;

/** A tooltip: a text and its keys, such as `Speed (J, L)`; with `at` one key alone, such as `Next frame (→)`. */
export function tooltip(text: string, shortcut: Shortcut, at?: number): string {
  const keys = SHORTCUTS[shortcut][0].split("|");
  // The others are alternatives: `Space` or `K` for play.
  const directions = keys.slice(0, shortcut === "play" ? 1 : 2);
  return `${text} (${at === undefined ? directions.join(", ") : keys[at]})`;
}
