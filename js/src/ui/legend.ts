// The legend of the ground truth, which shows and hides it.

import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import type { Session } from "../session/session.js";
import { timeRange } from "./chart_text.js";
import { button, h } from "./dom.js";
import { tooltip } from "./keys.js";

/** A button with the label and the times of the ground truth, which shows and hides its outline and its band. */
export function legend(session: Session): HTMLElement {
  const { state, until } = session;
  const { meta } = session.view;
  const { toggleGroundTruth } = session.actions;
  const name = h("span", { class: "staa-known" });
  const element = button(name, toggleGroundTruth, "");
  element.title = tooltip("Show or hide the outline and the band", "groundTruth");
  watch(until, () => {
    const { ground_truth: truth } = meta.value;
    element.hidden = !truth;
    const when = truth?.spans.map((span) => timeRange(...span)).join(", ");
    name.textContent = `ground truth: ${truth && readable(truth.label)}, ${when || "at no time"}`;
    element.setAttribute("aria-pressed", `${state.show_ground_truth.value}`);
  });
  return element;
}
