import { leavePatch, patchWords } from "../asked.js";
import type { Method } from "../protocol.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import type { Wish } from "../work.js";
import { computing } from "./computing.js";
import { fillOptions, h } from "./dom.js";
import { failure } from "./failure.js";

/** How the map was made, whether it is of one class, and what the kernel has to say. */
export function method(session: Session): HTMLElement {
  const { meta, host, until } = session;
  const { kernel, work } = host;
  const name = h("b", {});
  const select = h("select", {
    class: "staa-select",
    "aria-label": "Method",
    title: "Method (M)",
    change: () => session.explain(select.value),
  });
  watch(until, () => {
    const { method: own, methods } = meta.value;
    const stranger = methods.some((one) => one.name === own) ? [] : [[own, own] as const];
    fillOptions(select, [...stranger, ...options(methods)]);
    select.value = session.wish?.method ?? own;
    select.disabled = !kernel.computes.value;
    name.textContent = own;
  });
  const scope = h("p", {});
  const back = h(
    "button",
    {
      class: "staa-button staa-small",
      type: "button",
      title: "To what was shown before (Esc)",
      click: () => {
        select.focus();
        leavePatch(session);
      },
    },
    "Back",
  );
  const words = h("p", { class: "staa-quiet" });
  const about = h("div", {}, scope, words);
  watch(until, () => {
    const { class_specific, labels, target, method: own, methods } = meta.value;
    const patch = patchWords(meta.value);
    back.hidden = kernel.state.value === "none";
    if (patch) scope.replaceChildren(patch[0].toUpperCase() + patch.slice(1), " ", back);
    else if (class_specific) scope.replaceChildren("A map of the class ", h("b", {}, labels[target]));
    else scope.replaceChildren("The same map for every class");
    const one = methods.find(({ name }) => name === own);
    words.textContent = kernel.why.value || (one ? `${one.summary} ${one.cost && `Cost: ${one.cost}.`}` : "");
  });
  const title = (wish: Wish) => {
    const { target, pane } = wish;
    const now = (session.panes[pane ?? -1] ?? session.active.value).meta.value;
    const what = target === undefined ? "" : ` for ${now.labels[target]}`;
    const doing = pane === undefined || session.panes.length === 1 ? "Computing " : `Pane ${pane + 1}: computing `;
    return [doing, h("b", {}, patchWords(wish) || (wish.method ?? now.method)), what];
  };
  return h(
    "section",
    { class: "staa-method" },
    h("h3", { class: "staa-title" }, "Method"),
    kernel.state.peek() === "none" ? name : select,
    h("div", { class: "staa-stack" }, about, computing(session, work, title, select, about)),
    failure(session, work, select),
  );
}

/** Methods as options, those of a group together, each with its price. */
export const options = (methods: Method[]) =>
  methods.map(({ name, group, cost }) => [name, cost ? `${name} · ${cost}` : name, group] as const);
