import type { Method } from "../protocol.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
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
    select.value = work.running.value?.wish.method ?? own;
    select.disabled = !kernel.computes.value;
    name.textContent = own;
  });
  const scope = h("p", {});
  const words = h("p", { class: "staa-quiet" });
  const about = h("div", {}, scope, words);
  watch(until, () => {
    const { class_specific, labels, target, method: own, methods } = meta.value;
    scope.replaceChildren(
      ...(class_specific ? ["A map of the class ", h("b", {}, labels[target])] : ["The same map for every class"]),
    );
    const one = methods.find(({ name }) => name === own);
    words.textContent = kernel.why.value || (one ? `${one.summary} ${one.cost && `Cost: ${one.cost}.`}` : "");
  });
  return h(
    "section",
    { class: "staa-method" },
    h("h3", { class: "staa-title" }, "Method"),
    kernel.state.peek() === "none" ? name : select,
    h("div", { class: "staa-stack" }, about, computing(session, about, select)),
    failure(session, select),
  );
}

/** Methods as options, those of a group together, each with its price. */
export const options = (methods: Method[]) =>
  methods.map(({ name, group, cost }) => [name, cost ? `${name} · ${cost}` : name, group] as const);

/** How far a computation has come; takes the place of `about` so that nothing moves. */
function computing({ meta, host, until }: Session, about: HTMLElement, next: HTMLElement): HTMLElement {
  const { kernel, work } = host;
  const title = h("p", { class: "staa-trim" });
  const bar = h("span", { class: "staa-fill" });
  const meter = h("span", { class: "staa-meter", role: "progressbar", "aria-label": "Computing" }, bar);
  const step = h("p", { class: "staa-quiet" });
  const cancel = h(
    "button",
    {
      class: "staa-button staa-small staa-end",
      type: "button",
      click: () => {
        next.focus();
        work.cancel();
      },
    },
    "Cancel",
  );
  const element = h("div", { class: "staa-computing" }, h("div", { class: "staa-row" }, title, cancel), meter, step);
  watch(until, () => {
    const now = work.running.value;
    about.classList.toggle("staa-away", now !== null);
    element.classList.toggle("staa-away", now === null);
    if (!now) return;
    const { method, target } = now.wish;
    const what = target === undefined ? "" : ` for ${meta.value.labels[target]}`;
    title.replaceChildren("Computing ", h("b", {}, method ?? meta.value.method), what);
    const { done, total, label } = now.progress ?? { done: 0, total: 0, label: "" };
    const share = total > 0 ? Math.round((100 * done) / total) : 0;
    bar.style.width = `${share}%`;
    meter.setAttribute("aria-valuenow", String(share));
    const waiting = kernel.state.value === "busy" ? "waiting: the kernel is running a cell" : "waiting for the kernel";
    step.textContent = now.progress ? `${label} · ${done} of ${total}` : waiting;
  });
  return element;
}
