import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h } from "./dom.js";
import { versus } from "./screen.js";

const STOPS = 24;

/** Which colour stands for how much, and of what. What the threshold hides is left out of the bar. */
export function colourbar(session: Session): HTMLElement {
  const { active, view, difference, state, until } = session;
  const bar = h("div", { class: "staa-gradient" });
  const ticks = h("div", { class: "staa-ticks" });
  const words = h("div", { class: "staa-quiet" });
  watch(until, () => {
    const taken = view.value === "difference" ? difference.value : null;
    const { heat, cut, table: colours } = taken ?? active.value;
    const { signed, scale } = heat.value;
    const [table, reach] = [colours.value, taken?.reach.value ?? 1];
    const colour = (share: number) => {
      const value = signed ? 2 * share - 1 : share;
      if (Math.abs(value) * reach < cut.value) return "transparent";
      const strength = Math.sign(value) * Math.abs(value) ** state.gamma.value;
      const at = 3 * Math.round(signed ? 127.5 + 127.5 * strength : 255 * strength);
      return `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`;
    };
    const stops = Array.from(
      { length: STOPS + 1 },
      (_, i) => `${colour(i / STOPS)} ${((100 * i) / STOPS).toFixed(2)}%`,
    );
    bar.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
    ticks.replaceChildren(
      ...(signed ? [-1, -0.5, 0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]).map((v) => h("span", {}, String(v * reach))),
    );
    const own = taken
      ? `${versus(taken)}, each of its clip’s maximum`
      : `per clip: 1 is the clip’s maximum, ${scale.toPrecision(2)}`;
    words.textContent =
      state.normalize.value === "clip" ? own : "per frame: 1 is each frame’s own maximum; do not compare over time";
  });
  return h("div", { class: "staa-colourbar" }, bar, ticks, words);
}
