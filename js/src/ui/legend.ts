import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h } from "./dom.js";

/** Names what is outlined and marked, and turns both on and off. */
export function legend(session: Session): HTMLElement {
  const { meta, state, until } = session;
  const name = h("span", { class: "staa-known" });
  const click = () => session.toggleTruth();
  const button = h(
    "button",
    { class: "staa-button", type: "button", title: "Outline and band of the truth (G)", click },
    name,
  );
  watch(until, () => {
    const { truth } = meta.value;
    button.hidden = !truth;
    const when = truth?.spans.map((span) => span.map((time) => time.toFixed(2)).join("–")).join(", ");
    name.textContent = `truth: ${truth?.label}, ${when ? `${when} s` : "at no time"}`;
    button.setAttribute("aria-pressed", String(state.show_truth.value));
  });
  return button;
}
