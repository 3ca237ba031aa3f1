// The score table: the metrics of each explanation against the ground truth.

import { watch } from "../core/reactive.js";
import type { Score, ScoreCard } from "../host/payload.js";
import type { Session } from "../session/session.js";
import { DEFINITIONS } from "./definitions.js";
import { h, seconds } from "./dom.js";
import { term } from "./term.js";

/** Scores of all explanations of this clip, one in a row, and of maps to beat; hidden if there is no ground truth. */
export function scoreTable(session: Session): HTMLElement {
  const { until } = session;
  const { all: panes, active } = session.panes;
  const { meta } = session.view;
  const table = h("table");
  const title = h("h3", { class: "staa-title" }, "Compared with the ground truth");
  const element = h("section", { class: "staa-scores" }, title, h("div", { class: "staa-scroll" }, table));
  watch(until, () => {
    // In a notebook each explanation has the cards of all that were shown; in an exported page only its own.
    const same = panes.filter(({ position }) => position === active.value.position);
    const all = same.flatMap((pane) => pane.meta.value.cards);
    const cards = [...new Map(all.map((card) => [card.key, card])).values()];
    const [first] = cards;
    element.hidden = !first;
    if (!first) return table.replaceChildren();
    const several = new Set(cards.map(({ model }) => model)).size > 1;
    const controls = new Set(meta.value.methods.filter(({ group }) => group === "control").map(({ name }) => name));
    const best = first.scores.map((_, i) =>
      bestOf(
        cards.filter(({ method }) => !controls.has(method)),
        i,
      ),
    );
    const rows = cards.map((card) => {
      const control = controls.has(card.method);
      const price = [card.cost, card.seconds !== null && seconds(card.seconds)].filter(Boolean).join(" · ");
      const about = [several && card.model, card.about].filter(Boolean).join(" · ");
      return h(
        "tr",
        { class: control ? "staa-quiet" : "", "aria-current": `${card.key === meta.value.card}` },
        h(
          "th",
          { scope: "row", title: price },
          control ? term(card.title, DEFINITIONS.control) : card.title,
          about && h("span", { class: "staa-quiet" }, ` ${about}`),
        ),
        ...card.scores.map(({ value }, i) =>
          h("td", {}, h(cards.length > 1 && value !== null && value === best[i] ? "b" : "span", {}, decimal(value))),
        ),
      );
    });
    const reference = (name: string, definition: string, levelOf: (score: Score) => number | null) =>
      h(
        "tr",
        { class: "staa-quiet" },
        h("th", { scope: "row" }, term(name, definition)),
        ...first.scores.map((score) => h("td", {}, decimal(levelOf(score)))),
      );
    table.replaceChildren(
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("td", {}),
          ...first.scores.map(({ name, definition }) => h("th", { scope: "col" }, term(name, definition))),
        ),
      ),
      h(
        "tbody",
        {},
        ...rows,
        reference("blind guess", DEFINITIONS.prior, ({ prior }) => prior),
        reference("even map", DEFINITIONS.chance, ({ chance }) => chance),
      ),
    );
  });
  return element;
}

const bestOf = (cards: readonly ScoreCard[], i: number) =>
  Math.max(...cards.map(({ scores }) => scores[i].value ?? -1));

const decimal = (value: number | null): string => value?.toFixed(2) ?? "–";
