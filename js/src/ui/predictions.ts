import type { Session } from "../session.js";
import { h, percent } from "./dom.js";

const SHOWN = 5;

/** The likeliest classes, and the one that was explained. */
export function predictions({ payload }: Session): HTMLElement {
  const { labels, probabilities, target } = payload.meta;
  const order = labels.map((_, k) => k).sort((a, b) => probabilities[b] - probabilities[a]);
  const shown = order.slice(0, SHOWN);
  if (!shown.includes(target)) shown.push(target);
  const list = h("ol", { class: "staa-classes" });
  for (const k of shown) {
    const bar = h("span", { class: "staa-probability" });
    bar.style.width = `${100 * probabilities[k]}%`;
    list.append(
      h(
        "li",
        { class: k === target ? "staa-target" : "" },
        h("span", { class: "staa-class", title: labels[k] }, labels[k]),
        k === target && h("span", { class: "staa-tag" }, "explained"),
        h("span", { class: "staa-number" }, percent(probabilities[k])),
        h("span", { class: "staa-meter", "aria-hidden": "true" }, bar),
      ),
    );
  }
  return h("section", {}, h("h3", { class: "staa-title" }, "What the model says"), list);
}
