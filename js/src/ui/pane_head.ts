// The strip over one of several panes: its name, the value of its strongest color, and a button that closes it.

import { watch } from "../core/reactive.js";
import type { Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";
import { button, h, percent } from "./dom.js";

/** The strip over a pane; `heading` is the button with its name. */
export function paneHead(session: Session, pane: Pane, index: number, heading: HTMLElement): HTMLElement {
  const { until, host } = session;
  const scale = h("span", { class: "staa-scale" });
  const close = button("×", () => session.actions.closePane(index), "staa-close");
  watch(until, () => {
    const { heat, colorMax } = pane;
    scale.textContent = `1 = ${percent(heat.value.maxShare * colorMax.value)}`;
    scale.title = `The strongest color stands for ${percent(heat.value.maxShare * colorMax.value)} of this pane’s attribution in one cell`;
    close.hidden = !host.kernel.canCompute.value;
    close.title = `Close ${heading.textContent}`;
    close.setAttribute("aria-label", close.title);
  });
  return h("div", { class: "staa-pane-head" }, heading, scale, close);
}
