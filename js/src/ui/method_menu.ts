// The method menu, with the scope, the cost and the progress of a computation.

import { watch } from "../core/reactive.js";
import type { Method } from "../host/payload.js";
import type { Request } from "../host/requests.js";
import { describePatch } from "../session/patch.js";
import type { Session } from "../session/session.js";
import { button, fillOptions, h } from "./dom.js";
import { tooltip } from "./keys.js";
import { requestStatus } from "./request_status.js";

/** The method, whether its map depends on the class, and the progress of a computation. */
export function methodMenu(session: Session): HTMLElement {
  const { host, until } = session;
  const { meta } = session.view;
  const { kernel, computation } = host;
  const name = h("b");
  const select = h("select", {
    class: "staa-select",
    "aria-label": "Method",
    title: tooltip("Method", "method"),
    change: () => session.actions.explain(select.value),
  });
  const back = button("Back", () => {
    select.focus();
    session.actions.leavePatch();
  });
  back.title = tooltip("Back", "leave");
  const scope = h("p");
  const description = h("p", { class: "staa-quiet" });
  watch(until, () => {
    const { class_specific, labels, target, method: shownMethod, methods } = meta.value;
    const entry = methods.find((method) => method.name === shownMethod);
    fillOptions(select, [...(entry ? [] : [[shownMethod, shownMethod] as const]), ...methodOptions(methods)]);
    select.value = session.view.activeRequest?.method ?? shownMethod;
    select.disabled = !kernel.canCompute.value;
    name.textContent = shownMethod;
    const patch = describePatch(meta.value);
    back.hidden = kernel.state.value === "none";
    if (patch) scope.replaceChildren(`The ${patch} `, back);
    else if (class_specific) scope.replaceChildren("Map for the class ", h("b", {}, labels[target]));
    else scope.textContent = "The same map for every class";
    description.textContent =
      kernel.reason.value || (entry ? `${entry.summary} ${entry.cost && `Cost: ${entry.cost}.`}` : "");
  });
  const title = (wish: Request) => {
    const { target, pane = -1 } = wish;
    const { all: panes, active } = session.panes;
    const now = (panes[pane] ?? active.value).meta.value;
    return [
      panes[1] && pane >= 0 ? `Pane ${pane + 1}: computing ` : "Computing ",
      h("b", {}, describePatch(wish) || (wish.method ?? now.method)),
      target === undefined ? "" : ` for ${now.labels[target]}`,
    ];
  };
  return h(
    "section",
    { class: "staa-method" },
    h("h3", { class: "staa-title" }, "Method"),
    kernel.state.peek() === "none" ? name : select,
    ...requestStatus(session, computation, title, select, h("div", {}, scope, description)),
  );
}

/** Options for methods, each with its cost and its group. */
export const methodOptions = (methods: Method[]) =>
  methods.map(({ name, group, cost }) => [name, cost ? `${name} · ${cost}` : name, group] as const);
