// Export as code: the settings that differ from their defaults, and the Python that makes the same view.

import { DEFAULTS } from "../core/generated.js";
import type { Json } from "../core/json.js";
import type { Session } from "../session/session.js";

/** The settings that differ from those of a new player. */
export function changedSettings(session: Session): { [trait: string]: Json } {
  const { state } = session;
  // Playback is left out, and the patch, which is part of the explanation.
  const { playing, patch, ...settings } = state;
  const values = Object.entries(settings).map(([name, { value }]) => [name, value as Json] as const);
  return Object.fromEntries(values.filter(([name, value]) => value !== DEFAULTS[name as keyof typeof DEFAULTS]));
}

/** Python code that makes this view. */
export function pythonCode(session: Session): string {
  const several = session.panes.all.length > 1;
  const names = session.panes.all.map((_, i) => (several ? `e${i + 1}` : "e"));
  const explanations = session.panes.all.map(({ meta }, i) => `${names[i]} = ${meta.peek().recipe}\n`);
  const shown = several ? `[${names.join(", ")}]` : "e";
  const keywords = Object.entries(changedSettings(session)).map(([name, value]) => `, ${name}=${pythonLiteral(value)}`);
  return `import staa_widgets as staa\n\n${explanations.join("")}staa.Player(${shown}${keywords.join("")})\n`;
}

const pythonLiteral = (value: Json): string => {
  if (value === null) return "None";
  return typeof value === "boolean" ? (value ? "True" : "False") : JSON.stringify(value).replaceAll(",", ", ");
};
