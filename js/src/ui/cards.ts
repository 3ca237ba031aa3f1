import type { Card } from "../protocol.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h, seconds } from "./dom.js";

/** How each explanation that was shown stands up to the truth, side by side; nothing where the truth is not known. */
export function cards({ meta, panes, active, until }: Session): HTMLElement {
  const list = h("ol", { class: "staa-cards" });
  const element = h("section", {}, h("h3", { class: "staa-title" }, "Against the truth"), list);
  watch(until, () => {
    const { card: shown } = meta.value;
    // In a notebook each explanation knows of all that were shown of its clip, in a page only of itself.
    const same = panes.filter(({ position }) => position === active.value.position);
    const found = same.flatMap((pane) => pane.meta.value.cards);
    const all = [...new Map(found.map((one) => [one.key, one])).values()];
    element.hidden = all.length === 0;
    const models = new Set(all.map(({ model }) => model)).size;
    list.replaceChildren(...all.map((one) => card(one, one.key === shown, models > 1, all)));
  });
  return element;
}

function card(one: Card, shown: boolean, named: boolean, all: Card[]): HTMLElement {
  const about = [named ? one.model : "", one.about].filter(Boolean).join(" · ");
  const price = [one.cost, one.seconds === null ? "" : seconds(one.seconds)].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: "staa-card", "aria-current": String(shown) },
    h("div", {}, h("b", {}, one.method), h("p", { class: "staa-quiet" }, about)),
    ...one.scores.map((_, i) => score(one, i, all)),
    h("p", { class: "staa-quiet" }, price),
  );
}

function score(one: Card, i: number, all: Card[]): HTMLElement {
  const { name, value, chance } = one.scores[i];
  const best = all.length > 1 && all.every(({ scores }) => (scores[i].value ?? 0) <= (value ?? -1));
  const bar = h("span", { class: "staa-fill" });
  bar.style.width = `${100 * (value ?? 0)}%`;
  const tick = h("span", { class: "staa-chance" });
  tick.style.left = `${100 * (chance ?? 0)}%`;
  const below = value !== null && chance !== null && value <= chance;
  const number = h(best ? "b" : "span", { title: best ? "the best here" : "" }, decimal(value));
  const meter = h("span", { class: "staa-meter", "aria-hidden": "true" }, tick, bar);
  return h(
    "div",
    { class: below ? "staa-below" : "" },
    h("div", { class: "staa-score" }, h("span", {}, name), number),
    h("div", { class: "staa-score" }, meter, h("span", { class: "staa-quiet" }, `chance ${decimal(chance)}`)),
  );
}

const decimal = (value: number | null): string => (value === null ? "–" : value.toFixed(2));
