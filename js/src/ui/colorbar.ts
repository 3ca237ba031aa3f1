// The color bar: which color stands for which value.

import { watch } from "../core/reactive.js";
import { palette } from "../heat/palette.js";
import type { HeatPicture } from "../session/pane.js";
import type { Session } from "../session/session.js";
import { totalName } from "./chart_text.js";
import { DEFINITIONS } from "./definitions.js";
import { h, percent } from "./dom.js";
import { differenceName } from "./screen.js";
import { describe, term } from "./term.js";

/** The colormap with its values. Colors that the threshold hides are transparent. */
export function colorbar(session: Session): HTMLElement {
  const { state, until } = session;
  const { active, difference } = session.panes;
  const { mode } = session.view;
  const bar = h("div", { class: "staa-gradient", role: "img", "aria-label": "Color bar" });
  const ticks = h("div", { class: "staa-ticks" });
  const caption = h("div", { class: "staa-quiet" });
  const patchSize = h("div", { class: "staa-quiet staa-patch-size" });
  const patchWord = term("patch size", DEFINITIONS.patch);
  const words = {
    clip: term("per clip", DEFINITIONS.clipScale),
    frame: term("per frame", DEFINITIONS.frameScale),
    shared: term("all panes", DEFINITIONS.sharedScale),
  };
  watch(until, () => {
    const shownDifference = mode.value === "difference" && difference.value;
    const picture = shownDifference || active.value;
    const { heat, cutoff, colorTable, colorMax } = picture;
    const { signed, maxShare } = heat.value;
    const gamma = state.gamma.value;
    const perFrame = state.normalize.value === "frame";
    // A scale that panes share ends at their largest value, which is 1 too.
    const end = shownDifference ? colorMax.value : 1;
    const level = (share: number) => (signed ? 2 * share - 1 : share);
    const rgba = palette({ colorTable: colorTable.value, opacity: 1, cutoff: 0, gamma, signed });
    const stops = Array.from({ length: 26 }, (_, i) => {
      const at = 4 * Math.round((i / 25) * (rgba.length / 4 - 1));
      const hidden = Math.abs(level(i / 25)) * (perFrame ? end : colorMax.value) < cutoff.value;
      return `${hidden ? "transparent" : `rgb(${rgba.slice(at, at + 3).join(" ")})`} ${4 * i}%`;
    });
    bar.style.backgroundImage = `linear-gradient(to right, ${stops.join()})`;
    ticks.replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((share) => h("span", {}, String(level(share) * end))));
    const scale = perFrame ? words.frame : state.share_scale.value && !shownDifference ? words.shared : words.clip;
    caption.replaceChildren(
      scale,
      perFrame
        ? " 1 = the strongest cell of each frame"
        : shownDifference
          ? ` ${differenceName(session)}, each divided by its own maximum in the clip`
          : ` 1 = ${percent(maxShare * colorMax.value)} of the ${totalName(heat.value)} in one cell`,
    );
    patchSize.replaceChildren(patchWord, describePatch(picture));
  });
  return h("div", { class: "staa-colorbar" }, bar, describe(bar, DEFINITIONS.colorbar), ticks, caption, patchSize);
}

/** Size of a patch in pixels of the video, and the number of patches across and down. */
function describePatch({ box, size, heat, meta }: HeatPicture): string {
  const { rows, columns } = heat.value;
  const [width, height] = meta.value.clip.size.map((side, i) => ((box[i + 2] - box[i]) / size[i]) * side);
  return ` ${Math.round(width / columns)} × ${Math.round(height / rows)} px (${columns} × ${rows} patches)`;
}
