// One picture of the stage: a frame under its heat map, with the ground truth, the patch and a readout.

import type { Signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import type { Pictures } from "../frames/store.js";
import { OUTLINE_STROKES } from "../heat/outline.js";
import { rank } from "../heat/refine.js";
import { canvas2d } from "../render/canvas2d.js";
import type { HeatPicture, Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";
import { h, percent, svg } from "./dom.js";
import { patchClick } from "./patch_click.js";
import { patchAt, patchOn, placePatch, placeRectangle } from "./patch_position.js";

/** The place under the pointer, in shares of the picture's width and height. */
export interface PointedPlace {
  on: HeatPicture;
  x: number;
  y: number;
}

/**
 * A frame under its heat map, of a pane or of a difference; redrawn when it changes while it is visible. If `heatName` is
 * null, the frame is drawn without heat map.
 */
export function screen(
  session: Session,
  pane: HeatPicture,
  pictures: Pictures | null,
  visible: () => boolean,
  pointed: Signal<PointedPlace | null>,
  heatName: (() => string) | null,
): HTMLElement {
  const { until } = session;
  const { heatHidden } = session.view;
  const { position, timeline, overlay } = pane;
  const [width, height] = pane.size;
  const canvas = h("canvas", { width, height, role: "img", "aria-label": "Frame without heat map" });
  const compositor = canvas2d(canvas);
  const preview = h("span", { class: "staa-corner staa-preview", hidden: true });
  const layer = h("div", { class: "staa-layer" }, canvas, preview);
  const element = h("div", { class: `staa-picture${heatName ? "" : " staa-plain"}` }, layer);
  element.style.cssText = `--staa-aspect:${width / height}`;
  let latestDraw = 0;
  watch(until, () => {
    const thisDraw = ++latestDraw;
    element.hidden = !visible();
    if (element.hidden) {
      delete canvas.dataset.frame;
      return;
    }
    const at = position.value;
    const heat = heatName && !heatHidden.value ? overlay.value : null;
    const paint = () => {
      const picture = pictures?.peek(at) ?? null;
      if (latestDraw !== thisDraw || (pictures && !picture)) return false;
      compositor.draw(picture, heat);
      const frame = timeline.frames[pictures?.shownPosition(at) ?? at];
      if (heatName) canvas.dataset.frame = `${frame}`;
      preview.hidden = frame === timeline.frames[at];
      preview.textContent = `loading; this is frame ${frame}`;
      return true;
    };
    if (!paint())
      pictures?.load(at).then(paint, () => session.host.notify(`Cannot decode frame ${timeline.frames[at]}`));
  });
  if (heatName) {
    const crop = h("div", { class: "staa-seen", hidden: !pane.cropped });
    placeRectangle(crop, pane, pane.box);
    layer.append(crop, groundTruthOutline(session, pane));
    element.append(...pointedCell(session, pane, element, pointed, heatName));
    if (!pane.isDifference) element.append(patchClick(session, pane as Pane, element));
    watch(until, () => canvas.setAttribute("aria-label", `Frame with the heat map of ${readable(heatName())}`));
  }
  return element;
}

/** Name of the difference of the active pane and the next one. */
export const differenceName = ({ view }: Session): string => view.pairNames.value.map(readable).join(" − ");

/** The outline of the ground truth, as SVG, so that it is sharp at any size. */
function groundTruthOutline(session: Session, { meta, outline }: HeatPicture): SVGSVGElement {
  const { until } = session;
  const { heatHidden } = session.view;
  const lines = OUTLINE_STROKES.map(([stroke, width]) =>
    svg("path", { stroke, "stroke-width": width, "vector-effect": "non-scaling-stroke" }),
  );
  const attributes = { class: "staa-truth", fill: "none", preserveAspectRatio: "none", "aria-hidden": "true" };
  const element = svg("svg", attributes, ...lines);
  watch(until, () => {
    element.setAttribute("viewBox", `0 0 ${meta.value.ground_truth?.size.join(" ") ?? "1 1"}`);
    for (const line of lines) line.setAttribute("d", heatHidden.value ? "" : outline.value);
  });
  return element;
}

/** Mark the cell under the pointer and show its value; in other panes of the same clip show the value alone. */
function pointedCell(
  session: Session,
  pane: HeatPicture,
  picture: HTMLElement,
  pointed: Signal<PointedPlace | null>,
  heatName: () => string,
): HTMLElement[] {
  const cell = h("div", { class: "staa-cell" });
  const readout = h("div", { class: "staa-readout" });
  const { heat, map, isDifference, slice } = pane;
  watch(session.until, () => {
    const at = pointed.value;
    const isPointed = at?.on === pane;
    const marked = at && !picture.hidden && (isPointed || at.on.position === pane.position);
    const patch = marked ? patchOn(pane, at.x, at.y) : null;
    readout.hidden = !(isPointed || patch);
    cell.hidden = !patch;
    if (!marked) return;
    const { x, y } = at;
    // Keep the readout inside the picture: below the pointer, or above it near the lower edge.
    readout.style.cssText = `left:${100 * x}%;top:${100 * y}%;translate:${-100 * x}% ${y > 0.7 ? "calc(-100% - 14px)" : "14px"}`;
    readout.textContent = "outside the crop that the model saw";
    if (!patch) return;
    placePatch(cell, pane, patch);
    const [row, column] = patch;
    const value = map.value[row * heat.value.columns + column];
    const weaker = percent(rank(heat.value.sorted, Math.abs(value)));
    const position = `\nrow ${row + 1}, column ${column + 1}, slice ${slice.value + 1}`;
    const click = session.host.kernel.canCompute.value ? "\nclick to see where this patch’s attention goes" : "";
    const description = `${isDifference ? heatName() : "of the clip’s maximum"}\n${isDifference ? "larger" : "stronger"} than ${weaker} of all cells${isDifference ? "" : position + click}`;
    const number = h("b", {}, `${isDifference && value > 0 ? "+" : ""}${value.toFixed(2)}`);
    readout.replaceChildren(number, isPointed ? ` ${description}` : "");
  });
  picture.addEventListener("pointermove", (event) => {
    pointed.value = { on: pane, ...patchAt(pane, picture, event) };
  });
  picture.addEventListener("pointerleave", () => {
    pointed.value = null;
  });
  return [cell, readout];
}
