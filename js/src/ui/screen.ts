import { type Difference, isDifference } from "../difference.js";
import type { Pictures } from "../frames/store.js";
import { rank } from "../heat/refine.js";
import { LINES } from "../heat/truth.js";
import { names } from "../names.js";
import type { Pane, Shown } from "../pane.js";
import { canvas2d } from "../render/canvas2d.js";
import type { Session } from "../session.js";
import type { Signal } from "../signals.js";
import { watch } from "../state.js";
import { h, percent, svg } from "./dom.js";
import { patchAt, patchOn, place, placePatch } from "./patch.js";
import { query } from "./query.js";

/** The place under the pointer, in shares of the picture, and what is drawn there. */
export interface Pointed {
  on: Shown;
  x: number;
  y: number;
}

interface Options {
  store: Pictures | null;
  /** Whether to draw at all, of signals. */
  visible: () => boolean;
  pointed: Signal<Pointed | null>;
  /** Whether to leave out the heat. */
  plain?: boolean;
}

/** A picture under its heat, or alone, of a pane or a difference; drawn whenever it changes while it is to be seen. */
export function screen(session: Session, pane: Shown, { store, visible, pointed, plain }: Options): HTMLElement {
  const { until, raw } = session;
  const { position, size, clock, overlay } = pane;
  const [width, height] = size;
  const canvas = h("canvas", { width, height, role: "img", "aria-label": "The frame alone" });
  const drawn = canvas2d(canvas);
  const preview = h("span", { class: "staa-corner staa-preview", hidden: true });
  const layer = h("div", { class: "staa-layer" }, canvas, preview);
  const element = h("div", { class: `staa-picture${plain ? " staa-plain" : ""}` }, layer);
  element.style.setProperty("--staa-aspect", String(width / height));
  const paint = (at: number) => {
    const picture = store?.peek(at) ?? null;
    // A better picture was announced and is being decoded.
    if (store && !picture) return;
    drawn.draw(picture, plain || raw.value ? null : overlay.value);
    const frame = clock.frames[store?.shown(at) ?? at];
    if (!plain) canvas.dataset.frame = String(frame);
    preview.hidden = frame === clock.frames[at];
    preview.textContent = `preview of frame ${frame}`;
  };
  watch(until, () => {
    element.hidden = !visible();
    if (element.hidden) {
      delete canvas.dataset.frame;
      return;
    }
    const at = position.value;
    if (!store || store.peek(at)) paint(at);
    else {
      store.load(at).then(
        () => until.aborted || element.hidden || position.peek() !== at || paint(at),
        () => session.say(`Frame ${clock.frames[at]} cannot be decoded.`),
      );
      // What `paint` would read must be read here too, or a change before the picture comes would go unseen.
      [raw.value, overlay.value];
    }
  });
  if (!plain) {
    const seen = h("div", { class: "staa-seen", hidden: !pane.cropped });
    place(seen, pane, pane.box);
    layer.append(seen, truth(session, pane));
    element.append(...hover(session, pane, element, pointed));
    if (!isDifference(pane)) element.append(query(session, pane as Pane, element));
    watch(until, () => canvas.setAttribute("aria-label", `The frame under the heat map${of(session, pane)}`));
  }
  return element;
}

/** Whose heat map, where there are several. */
function of({ panes, names }: Session, shown: Shown): string {
  if (isDifference(shown)) return `: ${versus(shown)}`;
  return panes.length > 1 ? ` of ${names.value[panes.indexOf(shown as Pane)]}` : "";
}

/** What is taken from what. */
export const versus = ({ one, other }: Difference): string => names([one.meta.value, other.meta.value]).join(" − ");

/** The outline of what acts; drawn as a line of its own, so that it is sharp at any size. */
function truth({ raw, until }: Session, { meta, outline }: Shown): SVGSVGElement {
  const lines = LINES.map(([stroke, width]) =>
    svg("path", { stroke, "stroke-width": width, "vector-effect": "non-scaling-stroke" }),
  );
  const element = svg(
    "svg",
    { class: "staa-truth", fill: "none", preserveAspectRatio: "none", "aria-hidden": "true" },
    ...lines,
  );
  watch(until, () => {
    element.setAttribute("viewBox", `0 0 ${(meta.value.truth?.size ?? [1, 1]).join(" ")}`);
    for (const line of lines) line.setAttribute("d", raw.value ? "" : outline.value);
  });
  return element;
}

/** Name the patch under the pointer and what it was given; in short where that is on another pane of the clip. */
function hover(session: Session, pane: Shown, picture: HTMLElement, pointed: Signal<Pointed | null>): HTMLElement[] {
  const cell = h("div", { class: "staa-cell", hidden: true });
  const readout = h("div", { class: "staa-readout", hidden: true });
  watch(session.until, () => {
    const at = pointed.value;
    const here = at?.on === pane;
    const marked = at && !picture.hidden && (here || at.on.position === pane.position);
    const patch = marked ? patchOn(pane, at.x, at.y) : null;
    readout.hidden = !(here || patch);
    cell.hidden = !patch;
    if (!marked) return;
    readout.style.left = `${100 * at.x}%`;
    readout.style.top = `${100 * at.y}%`;
    const [before, after] = ["calc(-100% - 14px)", "14px"];
    readout.style.translate = `${at.x > 0.55 ? before : after} ${at.y > 0.7 ? before : after}`;
    if (patch) placePatch(cell, pane, patch);
    const words = patch ? describe(session, pane, patch) : ["not seen by the model"];
    readout.replaceChildren(...(here ? words : words.slice(0, 1)));
  });
  const leave = () => {
    if (pointed.peek()?.on === pane) pointed.value = null;
  };
  picture.addEventListener("pointermove", (event) => {
    const { x, y } = patchAt(pane, picture, event);
    pointed.value = { on: pane, x, y };
  });
  picture.addEventListener("pointerleave", leave);
  return [cell, readout];
}

function describe(session: Session, pane: Shown, [row, column]: readonly [number, number]): (Node | string)[] {
  const { columns, sorted } = pane.heat.value;
  const value = pane.map.value[row * columns + column];
  const stronger = percent(rank(sorted, Math.abs(value)));
  const told = isDifference(pane)
    ? [versus(pane), "each of its clip’s maximum", `larger than ${stronger} of the differences`]
    : [
        "of the clip’s maximum",
        `stronger than ${stronger} of the clip`,
        `row ${row + 1}, column ${column + 1}, slice ${(pane as Pane).slice.value + 1}`,
        ...(session.host.kernel.computes.value ? ["click: where its attention goes"] : []),
      ];
  const number = `${isDifference(pane) && value > 0 ? "+" : ""}${value.toFixed(2)}`;
  return [h("b", {}, number), ...told.flatMap((words, i) => [i ? h("br") : " ", words])];
}
