import type { Session } from "../session.js";
import { type View, watch } from "../state.js";
import { h } from "./dom.js";
import { versus } from "./screen.js";

/** How each is called where there is one pane and where there are several; not offered where it has no name. */
const WAYS: readonly [View, alone: string, together: string][] = [
  ["grid", "", "all"],
  ["overlay", "overlay", "one"],
  ["side", "side by side", "side"],
  ["wipe", "wipe", "wipe"],
  ["difference", "", "A − B"],
];

/** Ways to arrange the panes; those that make sense for as many as there are. */
export function views(session: Session): HTMLElement {
  const { panes, difference, view, state, until } = session;
  const group = h("div", { class: "staa-choice staa-views", role: "group", title: "View (V)" });
  for (const [way, ...names] of WAYS) {
    const text = names[panes.length > 1 ? 1 : 0];
    if (!text) continue;
    const click = () => {
      state.view.value = way;
    };
    const button = h("button", { type: "button", class: "staa-option", click }, text);
    group.append(button);
    watch(until, () => {
      button.setAttribute("aria-pressed", String(view.value === way));
      if (way !== "difference") return;
      button.disabled = !difference.value;
      button.title = difference.value ? `${versus(session)} (V)` : "A and B are of two clips";
    });
  }
  return group;
}
