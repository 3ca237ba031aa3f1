import type { FrameStore } from "../frames/store.js";
import { rank } from "../heat/refine.js";
import { LINES } from "../heat/truth.js";
import type { Pane } from "../pane.js";
import { canvas2d } from "../render/canvas2d.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h, percent, svg } from "./dom.js";
import { patchAt, place, placePatch } from "./patch.js";
import { query } from "./query.js";

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
    element.append(seen, truth(session, pane), ...hover(session, pane, element), query(session, pane, element));
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

/** Name the patch under the pointer and what it was given. */
function hover({ until, host }: Session, pane: Pane, picture: HTMLElement): HTMLElement[] {
  const cell = h("div", { class: "staa-cell", hidden: true });
  const readout = h("div", { class: "staa-readout", hidden: true });
  let pointer: ReturnType<typeof patchAt> | null = null;
  const show = () => {
    const heat = pane.heat.value;
    const map = pane.map.value;
    const { patch } = pointer ?? {};
    readout.hidden = pointer === null;
    cell.hidden = !patch;
    if (!pointer) return;
    readout.style.left = `${100 * pointer.x}%`;
    readout.style.top = `${100 * pointer.y}%`;
    const [before, after] = ["calc(-100% - 14px)", "14px"];
    readout.style.translate = `${pointer.x > 0.55 ? before : after} ${pointer.y > 0.7 ? before : after}`;
    if (!patch) {
      readout.textContent = "not seen by the model";
      return;
    }
    placePatch(cell, pane, patch);
    const [row, column] = patch;
    const value = map[row * heat.columns + column];
    readout.replaceChildren(
      h("b", {}, value.toFixed(2)),
      " of the clip’s maximum",
      h("br"),
      `stronger than ${percent(rank(heat.sorted, Math.abs(value)))} of the clip`,
      h("br"),
      h("span", {}, `row ${row + 1}, column ${column + 1}, slice ${pane.slice.value + 1}`),
      ...(host.kernel.computes.value ? [h("br"), "click: where its attention goes"] : []),
    );
  };
  watch(until, show);
  picture.addEventListener("pointermove", (event) => {
    pointer = patchAt(pane, picture, event);
    show();
  });
  picture.addEventListener("pointerleave", () => {
    pointer = null;
    show();
  });
  return [cell, readout];
}
