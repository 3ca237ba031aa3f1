// The method menu, with the scope, the cost and the progress of a computation.

import { watch } from "../core/reactive.js";
import type { Method } from "../host/payload.js";
import type { Request } from "../host/requests.js";
import { describePatch } from "../session/patch.js";
import type { Session } from "../session/session.js";
import { button, fillOptions, h } from "./dom.js";
import { requestStatus } from "./request_status.js";
import { tooltip } from "./shortcuts.js";

/** How the map was made, whether it is of one class, and what the kernel has to say. */
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
  const words = h("p", { class: "staa-quiet" });
  watch(until, () => {
    const { class_specific, labels, target, method: own, methods } = meta.value;
    const one = methods.find((method) => method.name === own);
    fillOptions(select, [...(one ? [] : [[own, own] as const]), ...methodOptions(methods)]);
    select.value = session.view.activeRequest?.method ?? own;
    select.disabled = !kernel.canCompute.value;
    name.textContent = own;
    const patch = describePatch(meta.value);
    back.hidden = kernel.state.value === "none";
    if (patch) scope.replaceChildren(`The ${patch} `, back);
    else if (class_specific) scope.replaceChildren("Map for the class ", h("b", {}, labels[target]));
    else scope.textContent = "The same map for every class";
    words.textContent = kernel.reason.value || (one ? `${one.summary} ${one.cost && `Cost: ${one.cost}.`}` : "");
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
    ...requestStatus(session, computation, title, select, h("div", {}, scope, words)),
  );
}

/** Methods as options, those of a group together, each with its price. */
export const methodOptions = (methods: Method[]) =>
  methods.map(({ name, group, cost }) => [name, cost ? `${name} · ${cost}` : name, group] as const);
