// One picture of the stage: a frame under its heat map, with the ground truth, the patch and a readout.

import type { Signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import type { Pictures } from "../frames/store.js";
import { OUTLINE_STROKES } from "../heat/outline.js";
import { rank } from "../heat/refine.js";
import { canvas2d } from "../render/canvas2d.js";
import type { HeatPicture, Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";
import { h, percent, svg } from "./dom.js";
import { patchClick } from "./patch_click.js";
import { patchAt, patchOn, placePatch, placeRectangle } from "./patch_position.js";

/** The place under the pointer, in shares of the picture, and what is drawn there. */
export interface PointedPlace {
  on: HeatPicture;
  x: number;
  y: number;
}

/**
 * A picture under its heat, of a pane or a difference; drawn whenever it changes while it is to be seen. Of nobody's heat
 * map it is the frame alone.
 */
export function screen(
  session: Session,
  pane: HeatPicture,
  store: Pictures | null,
  visible: () => boolean,
  pointed: Signal<PointedPlace | null>,
  whose: (() => string) | null,
): HTMLElement {
  const { until } = session;
  const { heatHidden } = session.view;
  const { position, timeline, overlay } = pane;
  const [width, height] = pane.size;
  const canvas = h("canvas", { width, height, role: "img", "aria-label": "Frame without heat map" });
  const drawn = canvas2d(canvas);
  const preview = h("span", { class: "staa-corner staa-preview", hidden: true });
  const layer = h("div", { class: "staa-layer" }, canvas, preview);
  const element = h("div", { class: `staa-picture${whose ? "" : " staa-plain"}` }, layer);
  element.style.cssText = `--staa-aspect:${width / height}`;
  let turn = 0;
  watch(until, () => {
    const mine = ++turn;
    element.hidden = !visible();
    if (element.hidden) {
      delete canvas.dataset.frame;
      return;
    }
    const at = position.value;
    const heat = whose && !heatHidden.value ? overlay.value : null;
    const paint = () => {
      const picture = store?.peek(at) ?? null;
      if (turn !== mine || (store && !picture)) return false;
      drawn.draw(picture, heat);
      const frame = timeline.frames[store?.shownPosition(at) ?? at];
      if (whose) canvas.dataset.frame = `${frame}`;
      preview.hidden = frame === timeline.frames[at];
      preview.textContent = `preview of frame ${frame}`;
      return true;
    };
    if (!paint()) store?.load(at).then(paint, () => session.host.notify(`Cannot decode frame ${timeline.frames[at]}`));
  });
  if (whose) {
    const seen = h("div", { class: "staa-seen", hidden: !pane.cropped });
    placeRectangle(seen, pane, pane.box);
    layer.append(seen, truth(session, pane));
    element.append(...hover(session, pane, element, pointed, whose));
    if (!pane.maxDifference) element.append(patchClick(session, pane as Pane, element));
    watch(until, () => canvas.setAttribute("aria-label", `Frame with the heat map of ${whose()}`));
  }
  return element;
}

/** What is taken from what. */
export const differenceName = ({ view }: Session): string => view.pairNames.value.join(" − ");

/** The outline of what acts; drawn as a line of its own, so that it is sharp at any size. */
function truth(session: Session, { meta, outline }: HeatPicture): SVGSVGElement {
  const { until } = session;
  const { heatHidden } = session.view;
  const lines = OUTLINE_STROKES.map(([stroke, width]) =>
    svg("path", { stroke, "stroke-width": width, "vector-effect": "non-scaling-stroke" }),
  );
  const look = { class: "staa-truth", fill: "none", preserveAspectRatio: "none", "aria-hidden": "true" };
  const element = svg("svg", look, ...lines);
  watch(until, () => {
    element.setAttribute("viewBox", `0 0 ${meta.value.ground_truth?.size.join(" ") ?? "1 1"}`);
    for (const line of lines) line.setAttribute("d", heatHidden.value ? "" : outline.value);
  });
  return element;
}

/** Name the patch under the pointer and what it was given; in short where that is on another pane of the clip. */
function hover(
  session: Session,
  pane: HeatPicture,
  picture: HTMLElement,
  pointed: Signal<PointedPlace | null>,
  whose: () => string,
): HTMLElement[] {
  const cell = h("div", { class: "staa-cell" });
  const readout = h("div", { class: "staa-readout" });
  const { heat, map, maxDifference, slice } = pane;
  watch(session.until, () => {
    const at = pointed.value;
    const here = at?.on === pane;
    const marked = at && !picture.hidden && (here || at.on.position === pane.position);
    const patch = marked ? patchOn(pane, at.x, at.y) : null;
    readout.hidden = !(here || patch);
    cell.hidden = !patch;
    if (!marked) return;
    const { x, y } = at;
    // Inside of the picture, below the pointer or above it.
    readout.style.cssText = `left:${100 * x}%;top:${100 * y}%;translate:${-100 * x}% ${y > 0.7 ? "calc(-100% - 14px)" : "14px"}`;
    readout.textContent = "outside the crop that the model was given";
    if (!patch) return;
    placePatch(cell, pane, patch);
    const [row, column] = patch;
    const value = map.value[row * heat.value.columns + column];
    const weaker = percent(rank(heat.value.sorted, Math.abs(value)));
    const where = `\nrow ${row + 1}, column ${column + 1}, slice ${slice.value + 1}`;
    const click = session.host.kernel.canCompute.value ? "\nclick to see where its attention goes" : "";
    const words = `${maxDifference ? whose() : "of the clip’s maximum"}\nstronger than ${weaker} of all cells${maxDifference ? "" : where + click}`;
    const number = h("b", {}, `${maxDifference && value > 0 ? "+" : ""}${value.toFixed(2)}`);
    readout.replaceChildren(number, here ? ` ${words}` : "");
  });
  picture.addEventListener("pointermove", (event) => {
    pointed.value = { on: pane, ...patchAt(pane, picture, event) };
  });
  picture.addEventListener("pointerleave", () => {
    pointed.value = null;
  });
  return [cell, readout];
}
