// The method menu, with the scope, the time and the progress of a computation, and the menu that adds a pane.

import { MAX_PANES } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import { type Method, targetName } from "../host/payload.js";
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
    const { class_specific, target, values, method: shownMethod, method_title, methods, own_maps: own } = meta.value;
    const entry = methods.find((method) => method.name === shownMethod);
    fillOptions(select, [...(entry ? [] : [[shownMethod, method_title] as const]), ...methodOptions(methods)]);
    select.value = session.view.activeRequest?.method ?? shownMethod;
    select.disabled = !kernel.canCompute.value;
    name.textContent = method_title;
    const patch = describePatch(meta.value);
    back.hidden = kernel.state.value === "none";
    if (patch) scope.replaceChildren(`The ${patch} `, back);
    else if (own) scope.textContent = "Maps of another tool, shown as they were given";
    else if (class_specific)
      scope.replaceChildren(
        target < 0 ? "Map for " : `Map for the ${values ? "value" : "class"} `,
        h("b", {}, readable(targetName(meta.value))),
      );
    else scope.textContent = "The same map for every class";
    description.textContent =
      kernel.reason.value || (entry ? `${entry.summary} ${entry.cost && `Cost: ${entry.cost}.`}` : "");
  });
  const title = (wish: Request) => {
    const { target, method, pane = -1 } = wish;
    const { all: panes, active } = session.panes;
    const now = (panes[pane] ?? active.value).meta.value;
    const methodName = now.methods.find(({ name }) => name === (method ?? now.method))?.title ?? now.method_title;
    return [
      pane >= 0 && (panes[1] || pane > 0) ? `Pane ${pane + 1}: computing ` : "Computing ",
      h("b", {}, describePatch(wish) || methodName),
      target === undefined ? "" : ` for ${readable(now.labels[target])}`,
    ];
  };
  const row = kernel.state.peek() === "none" ? name : h("div", { class: "staa-row" }, select, compareMenu(session));
  return h(
    "section",
    { class: "staa-method" },
    h("h3", { class: "staa-title" }, "Method"),
    row,
    ...requestStatus(session, computation, title, select, h("div", {}, scope, description)),
  );
}

/** A menu of methods: the one that is chosen is computed for the class shown, and added as a pane. */
function compareMenu(session: Session): HTMLElement {
  const { host, until, panes } = session;
  const { meta } = session.view;
  const select = h("select", {
    class: "staa-select staa-compare",
    "aria-label": "Compare with another method",
    title: "Show another method beside this one",
    change: () => {
      const { value } = select;
      select.value = "";
      if (value) session.actions.addPane(value);
    },
  });
  watch(until, () => {
    fillOptions(select, [["", "+ compare"], ...methodOptions(meta.value.methods)]);
    select.value = "";
    select.disabled = !host.kernel.canCompute.value;
    select.hidden = panes.all.length >= MAX_PANES;
  });
  return select;
}

const GROUPS = { attention: "One pass", gradient: "Gradients", perturbation: "Hide parts", control: "Controls" };

const groupOf = ({ group, passes }: Method): string =>
  GROUPS[group === "attention" && passes && passes[1] > 0 ? "gradient" : group];

/** Options for methods in groups, each with the time that it will take here, or else its passes through the model. */
export function methodOptions(methods: readonly Method[]): (readonly [value: string, text: string, group: string])[] {
  const order = Object.values(GROUPS);
  const sorted = [...methods].sort((a, b) => order.indexOf(groupOf(a)) - order.indexOf(groupOf(b)));
  return sorted.map((method) => {
    const { name, title, cost, seconds } = method;
    const price = seconds === null ? cost : duration(seconds);
    return [name, price ? `${title} · ${price}` : title, groupOf(method)];
  });
}

/** About how long something takes: one digit, in the largest unit that fits. */
function duration(seconds: number): string {
  if (seconds < 1) return "under 1 s";
  const [unit, value] = seconds < 60 ? ["s", seconds] : seconds < 3600 ? ["min", seconds / 60] : ["h", seconds / 3600];
  return `about ${Number(value.toPrecision(value < 10 ? 1 : 2))} ${unit}`;
}
