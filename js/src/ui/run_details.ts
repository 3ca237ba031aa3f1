// Details of how the explanation was computed.

import { watch } from "../core/reactive.js";
import type { Session } from "../session/session.js";
import { h } from "./dom.js";
import { fold } from "./fold.js";

/** The model, the input and the settings of the run: enough to run it again. */
export function runDetails(session: Session): HTMLElement {
  const { until } = session;
  const { meta } = session.view;
  const list = h("dl", { class: "staa-run-details" });
  watch(until, () =>
    list.replaceChildren(...meta.value.run_details.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
  );
  return fold(session, "details", [h("b", {}, "Details")], [list]);
}
