// Score cards: the metrics of each explanation against the ground truth.

import { watch } from "../core/reactive.js";
import type { ScoreCard } from "../host/payload.js";
import type { Session } from "../session/session.js";
import { h, seconds } from "./dom.js";

/** Score cards of all explanations of this clip, side by side; hidden if there is no ground truth. */
export function scoreCards(session: Session): HTMLElement {
  const { until } = session;
  const { all: panes, active } = session.panes;
  const { meta } = session.view;
  const list = h("ol", { class: "staa-cards" });
  const element = h("section", {}, h("h3", { class: "staa-title" }, "Compared with the ground truth"), list);
  watch(until, () => {
    // In a notebook each explanation has the cards of all that were shown; in an exported page only its own.
    const same = panes.filter(({ position }) => position === active.value.position);
    const cards = same.flatMap((pane) => pane.meta.value.cards);
    const uniqueCards = [...new Map(cards.map((one) => [one.key, one])).values()];
    const several = new Set(uniqueCards.map(({ model }) => model)).size > 1;
    element.hidden = !uniqueCards.length;
    list.replaceChildren(
      ...uniqueCards.map((one) =>
        h(
          "li",
          { class: "staa-card", "aria-current": `${one.key === meta.value.card}` },
          h("div", {}, h("b", {}, one.method), quiet(several && one.model, one.about)),
          ...one.scores.map((_, i) => scoreBar(one, i, uniqueCards)),
          quiet(one.cost, one.seconds !== null && seconds(one.seconds)),
        ),
      ),
    );
  });
  return element;
}

const quiet = (...words: (string | false)[]) => h("p", { class: "staa-quiet" }, words.filter(Boolean).join(" · "));

function scoreBar(one: ScoreCard, i: number, all: ScoreCard[]): HTMLElement {
  const { name, value, chance, prior } = one.scores[i];
  // An unknown score has a bar of length 0.
  const length = Number(value);
  const baseline = Math.max(Number(chance), Number(prior));
  const best = value !== null && all.length > 1 && all.every(({ scores }) => Number(scores[i].value) <= value);
  const bar = h("span", { class: "staa-fill" });
  bar.style.width = `${100 * length}%`;
  const tick = (level: number) => {
    const element = h("span", { class: "staa-chance" });
    element.style.left = `${100 * level}%`;
    return element;
  };
  const levels = [chance, prior].filter((level) => level !== null);
  const row = (...parts: HTMLElement[]) => h("div", { class: "staa-score" }, ...parts);
  return h(
    "div",
    { class: length <= baseline ? "staa-below" : "" },
    row(h("span", {}, name), h(best ? "b" : "span", {}, decimal(value))),
    value === null ? quiet("undefined for this clip") : h("span", { class: "staa-meter" }, ...levels.map(tick), bar),
    value !== null && baselines(chance, prior),
  );
}

function baselines(chance: number | null, prior: number | null): HTMLElement {
  const element = quiet(`chance ${decimal(chance)}`, `prior ${decimal(prior)}`);
  element.title = "chance: a map without any preference; prior: the best map that does not depend on the clip";
  return element;
}

const decimal = (value: number | null): string => value?.toFixed(2) ?? "–";
