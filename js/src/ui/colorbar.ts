// The color bar: which color stands for which value.

import { watch } from "../core/reactive.js";
import { palette } from "../heat/palette.js";
import type { Session } from "../session/session.js";
import { h } from "./dom.js";
import { differenceName } from "./screen.js";

/** The colormap with its values. Colors that the threshold hides are transparent. */
export function colorbar(session: Session): HTMLElement {
  const { state, until } = session;
  const { active, difference } = session.panes;
  const { mode } = session.view;
  const bar = h("div", { class: "staa-gradient" });
  const ticks = h("div", { class: "staa-ticks" });
  const caption = h("div", { class: "staa-quiet" });
  watch(until, () => {
    const shownDifference = mode.value === "difference" && difference.value;
    const { heat, cutoff, colorTable, maxDifference } = shownDifference || active.value;
    const { signed, scale } = heat.value;
    const [max, gamma] = [maxDifference?.value ?? 1, state.gamma.value];
    const value = (share: number) => (signed ? 2 * share - 1 : share) * max;
    const rgba = palette({ colorTable: colorTable.value, opacity: 1, cutoff: 0, gamma, signed });
    const stops = Array.from({ length: 26 }, (_, i) => {
      const at = 4 * Math.round((i / 25) * (rgba.length / 4 - 1));
      const hidden = Math.abs(value(i / 25)) < cutoff.value;
      return `${hidden ? "transparent" : `rgb(${rgba.slice(at, at + 3).join(" ")})`} ${4 * i}%`;
    });
    bar.style.backgroundImage = `linear-gradient(to right, ${stops.join()})`;
    ticks.replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((share) => h("span", {}, String(value(share)))));
    caption.textContent =
      state.normalize.value === "frame"
        ? "per frame: 1 stands for each frame’s own maximum"
        : shownDifference
          ? `${differenceName(session)}, each divided by its own maximum in the clip`
          : `per clip: 1 stands for the clip’s maximum, ${scale.toPrecision(2)}`;
  });
  return h("div", { class: "staa-colorbar" }, bar, ticks, caption);
}
