import type { FrameStore } from "../frames/store.js";
import { rank } from "../heat/refine.js";
import { LINES } from "../heat/truth.js";
import type { Pane } from "../pane.js";
import { canvas2d } from "../render/canvas2d.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h, percent, svg } from "./dom.js";

/** A pane's picture under its heat, or alone. */
export interface Screen {
  element: HTMLElement;
  canvas: HTMLCanvasElement;
}

/** Draw a pane whenever it changes while `shown` (of signals) says so; `plain` leaves out the heat. */
export function screen(
  session: Session,
  pane: Pane,
  store: FrameStore | null,
  shown: () => boolean,
  plain = false,
): Screen {
  const { until, raw } = session;
  const { position, size, clock, overlay } = pane;
  const [width, height] = size;
  const label = plain ? "The frame alone" : "The frame under the heat map";
  const canvas = h("canvas", { width, height, role: "img", "aria-label": label });
  const drawn = canvas2d(canvas);
  const element = h("div", { class: "staa-picture" }, canvas);
  element.style.setProperty("--staa-aspect", String(width / height));
  const paint = (at: number) => {
    drawn.draw(store?.peek(at) ?? null, plain || raw.value ? null : overlay.value);
    canvas.dataset.frame = String(clock.frames[at]);
  };
  watch(until, () => {
    element.hidden = !shown();
    if (element.hidden) return;
    const at = position.value;
    if (!store || store.peek(at)) paint(at);
    else {
      store.load(at).then(
        () => until.aborted || position.peek() !== at || paint(at),
        () => session.say(`Frame ${clock.frames[at]} cannot be decoded.`),
      );
      // What `paint` would read must be read here too, or a change before the picture comes would go unseen.
      [raw.value, overlay.value];
    }
  });
  if (!plain) {
    const seen = h("div", { class: "staa-seen", hidden: !pane.cropped });
    place(seen, pane, pane.box);
    element.append(seen, truth(session, pane), ...hover(session, pane, element));
  }
  return { element, canvas };
}

/** The outline of what acts; drawn as a line of its own, so that it is sharp at any size. */
function truth({ raw, until }: Session, { meta, outline }: Pane): SVGSVGElement {
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

/** Set an element over a rectangle given in pixels of the picture. */
function place(element: HTMLElement, { size }: Pane, [x0, y0, x1, y1]: readonly [number, number, number, number]) {
  const [left, top] = [Math.max(x0, 0), Math.max(y0, 0)];
  element.style.left = `${(100 * left) / size[0]}%`;
  element.style.top = `${(100 * top) / size[1]}%`;
  element.style.width = `${(100 * (Math.min(x1, size[0]) - left)) / size[0]}%`;
  element.style.height = `${(100 * (Math.min(y1, size[1]) - top)) / size[1]}%`;
}

/** Name the patch under the pointer and what it was given. */
function hover({ until }: Session, pane: Pane, picture: HTMLElement): HTMLElement[] {
  const { size, box } = pane;
  const cell = h("div", { class: "staa-cell", hidden: true });
  const readout = h("div", { class: "staa-readout", hidden: true });
  let pointer: { x: number; y: number } | null = null;
  const show = () => {
    const heat = pane.heat.value;
    const map = pane.map.value;
    const column = pointer ? Math.floor(((pointer.x * size[0] - box[0]) / (box[2] - box[0])) * heat.columns) : -1;
    const row = pointer ? Math.floor(((pointer.y * size[1] - box[1]) / (box[3] - box[1])) * heat.rows) : -1;
    const outside = column < 0 || row < 0 || column >= heat.columns || row >= heat.rows;
    readout.hidden = pointer === null;
    cell.hidden = pointer === null || outside;
    if (!pointer) return;
    readout.style.left = `${100 * pointer.x}%`;
    readout.style.top = `${100 * pointer.y}%`;
    const [before, after] = ["calc(-100% - 14px)", "14px"];
    readout.style.translate = `${pointer.x > 0.55 ? before : after} ${pointer.y > 0.7 ? before : after}`;
    if (outside) {
      readout.textContent = "not seen by the model";
      return;
    }
    const width = (box[2] - box[0]) / heat.columns;
    const height = (box[3] - box[1]) / heat.rows;
    const [x, y] = [box[0] + column * width, box[1] + row * height];
    place(cell, pane, [x, y, x + width, y + height]);
    const value = map[row * heat.columns + column];
    readout.replaceChildren(
      h("b", {}, value.toFixed(2)),
      " of the clip’s maximum",
      h("br"),
      `stronger than ${percent(rank(heat.sorted, Math.abs(value)))} of the clip`,
      h("br"),
      h("span", {}, `row ${row + 1}, column ${column + 1}, slice ${pane.slice.value + 1}`),
    );
  };
  watch(until, show);
  picture.addEventListener("pointermove", (event) => {
    const { left, top, width, height } = picture.getBoundingClientRect();
    pointer = { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
    show();
  });
  picture.addEventListener("pointerleave", () => {
    pointer = null;
    show();
  });
  return [cell, readout];
}
