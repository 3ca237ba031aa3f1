// The method menu, with the scope, the cost and the progress of a computation.

import { watch } from "../core/reactive.js";
import type { Method } from "../host/payload.js";
import type { Wish } from "../host/requests.js";
import { patchWords } from "../session/patch.js";
import { leavePatch } from "../session/patch_actions.js";
import type { Session } from "../session/session.js";
import { button, fillOptions, h } from "./dom.js";
import { request } from "./request_status.js";

/** How the map was made, whether it is of one class, and what the kernel has to say. */
export function method(session: Session): HTMLElement {
  const { meta, host, until } = session;
  const { kernel, work } = host;
  const name = h("b");
  const select = h("select", {
    class: "staa-select",
    "aria-label": "Method",
    title: "Method (M)",
    change: () => session.explain(select.value),
  });
  const back = button("Back", () => {
    select.focus();
    leavePatch(session);
  });
  back.title = "Back (Esc)";
  const scope = h("p");
  const words = h("p", { class: "staa-quiet" });
  watch(until, () => {
    const { class_specific, labels, target, method: own, methods } = meta.value;
    const one = methods.find((method) => method.name === own);
    fillOptions(select, [...(one ? [] : [[own, own] as const]), ...options(methods)]);
    select.value = session.wish?.method ?? own;
    select.disabled = !kernel.computes.value;
    name.textContent = own;
    const patch = patchWords(meta.value);
    back.hidden = kernel.state.value === "none";
    if (patch) scope.replaceChildren(`The ${patch} `, back);
    else if (class_specific) scope.replaceChildren("A map of the class ", h("b", {}, labels[target]));
    else scope.textContent = "The same map for every class";
    words.textContent = kernel.why.value || (one ? `${one.summary} ${one.cost && `Cost: ${one.cost}.`}` : "");
  });
  const title = (wish: Wish) => {
    const { target, pane = -1 } = wish;
    const { panes, active } = session;
    const now = (panes[pane] ?? active.value).meta.value;
    return [
      panes[1] && pane >= 0 ? `Pane ${pane + 1}: computing ` : "Computing ",
      h("b", {}, patchWords(wish) || (wish.method ?? now.method)),
      target === undefined ? "" : ` for ${now.labels[target]}`,
    ];
  };
  return h(
    "section",
    { class: "staa-method" },
    h("h3", { class: "staa-title" }, "Method"),
    kernel.state.peek() === "none" ? name : select,
    ...request(session, work, title, select, h("div", {}, scope, words)),
  );
}

/** Methods as options, those of a group together, each with its price. */
export const options = (methods: Method[]) =>
  methods.map(({ name, group, cost }) => [name, cost ? `${name} · ${cost}` : name, group] as const);
