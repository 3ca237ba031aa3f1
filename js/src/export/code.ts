// Export as code: the settings that differ from their defaults, and the Python that makes the same view.

import { COMPARISON_VIEW, DEFAULTS } from "../core/generated.js";
import type { Json } from "../core/json.js";
import type { Session } from "../session/session.js";

/** What a player must be set to, other than it is at first, to show what this one shows. */
export function changedSettings(session: Session): { [trait: string]: Json } {
  const { state } = session;
  const { all: panes } = session.panes;
  // What passes, or follows from the explanation itself, is left out.
  const { playing, patch, ...kept } = state;
  const usual = panes.length > 1 ? { ...DEFAULTS, view: COMPARISON_VIEW } : DEFAULTS;
  const now = Object.entries(kept).map(([name, { value }]) => [name, value as Json] as const);
  return Object.fromEntries(now.filter(([name, value]) => value !== usual[name as keyof typeof usual]));
}

/** The Python that makes this view. */
export function pythonCode(session: Session): string {
  const several = session.panes.all.length > 1;
  const names = session.panes.all.map((_, i) => (several ? `e${i + 1}` : "e"));
  const made = session.panes.all.map(({ meta }, i) => `${names[i]} = ${meta.peek().recipe}\n`);
  const shown = several ? `[${names.join(", ")}]` : "e";
  const given = Object.entries(changedSettings(session)).map(([name, value]) => `, ${name}=${pythonLiteral(value)}`);
  return `import staa_widgets as staa\n\n${made.join("")}staa.Player(${shown}${given.join("")})\n`;
}

const pythonLiteral = (value: Json): string =>
  typeof value === "boolean" ? (value ? "True" : "False") : JSON.stringify(value).replace(",", ", ");
