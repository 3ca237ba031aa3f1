import type { Json } from "../protocol.js";
import type { Session } from "../session.js";
import { DEFAULTS } from "../state.js";

/** What tells from the rest that something is under way, or follows from the explanation itself. */
const PASSING = /^(playing|query)$/;

/** What a player must be set to, other than it is at first, to show what this one shows. */
export function settings({ state, panes }: Session): { [trait: string]: Json } {
  const usual = panes.length > 1 ? { ...DEFAULTS, view: "grid" } : DEFAULTS;
  const found = Object.entries(usual).flatMap(([name, first]) => {
    const now = state[name as keyof typeof state].peek();
    return PASSING.test(name) || now === first ? [] : [[name, now]];
  });
  return Object.fromEntries(found);
}

/** The Python that makes this view. */
export function python(session: Session): string {
  const calls = session.panes.map(({ meta }) => meta.peek().recipe);
  const names = calls.length > 1 ? calls.map((_, i) => `e${i + 1}`) : ["e"];
  const shown = calls.length > 1 ? `[${names.join(", ")}]` : "e";
  const given = Object.entries(settings(session)).map(([name, value]) => `, ${name}=${literal(value)}`);
  const made = calls.map((call, i) => `${names[i]} = ${call}\n`).join("");
  return `import staa_widgets as staa\n\n${made}staa.Player(${shown}${given.join("")})\n`;
}

const WORDS = new Map<Json, string>([
  [true, "True"],
  [false, "False"],
  [null, "None"],
]);

const literal = (value: Json): string =>
  WORDS.get(value) ?? (Array.isArray(value) ? `(${value.map(literal).join(", ")})` : JSON.stringify(value));
