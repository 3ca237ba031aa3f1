// Folded parts of the player, which stay open when it is rebuilt.

import type { Session } from "../session/session.js";
import { h } from "./dom.js";

/** A part that is folded away under its title; `toggled` is called when it is opened or closed. */
export function fold(
  { host: { openFolds } }: Session,
  name: string,
  title: (Node | string)[],
  content: HTMLElement[],
  toggled?: (open: boolean) => void,
): HTMLDetailsElement {
  const toggle = () => {
    openFolds[element.open ? "add" : "delete"](name);
    toggled?.(element.open);
  };
  const summary = h("summary", {}, ...title);
  const element = h("details", { class: `staa-${name}`, open: openFolds.has(name), toggle }, summary, ...content);
  return element;
}
