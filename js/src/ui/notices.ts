// What a reader must know before believing an explanation, such as that the model knows nothing of films.

import { watch } from "../core/reactive.js";
import type { Session } from "../session/session.js";
import { h } from "./dom.js";

/** The notices of the active pane, above the predictions that they are about. */
export function notices(session: Session): HTMLElement {
  const { until } = session;
  const { meta } = session.view;
  const element = h("div", { class: "staa-notices", role: "note", "aria-label": "Notices" });
  watch(until, () => {
    const list = meta.value.notices;
    element.hidden = !list.length;
    element.replaceChildren(
      ...list.map(({ text, hint, code }) =>
        h(
          "div",
          { class: "staa-card staa-alert" },
          h("b", {}, text),
          hint && h("p", {}, hint),
          code && h("pre", { tabindex: 0 }, code),
        ),
      ),
    );
  });
  return element;
}
