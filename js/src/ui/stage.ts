import { FrameStore } from "../frames/store.js";
import { rank } from "../heat/refine.js";
import { LINES } from "../heat/truth.js";
import { canvas2d } from "../render/canvas2d.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h, percent, svg } from "./dom.js";

/** Pictures to decode ahead of the one on show. */
const AHEAD = 6;

/** The picture under its heat and, side by side with it, the picture alone. */
export function stage(session: Session): { element: HTMLElement; canvas: HTMLCanvasElement } {
  const { state, position, clock, size, until } = session;
  const canvas = sheet(size, "The frame under the heat map");
  const plain = sheet(size, "The frame alone");
  const drawn = canvas2d(canvas);
  const drawnPlain = canvas2d(plain);
  const cell = h("div", { class: "staa-cell", hidden: true });
  const readout = h("div", { class: "staa-readout", hidden: true });
  const seen = h("div", { class: "staa-seen", hidden: !session.cropped });
  place(seen, session, session.box);
  const picture = h("div", { class: "staa-picture" }, canvas, seen, truth(session), cell, readout);
  const alone = h("div", { class: "staa-picture" }, plain);
  const toast = h("div", { class: "staa-toast", role: "status", "aria-live": "polite" });
  const element = h("div", { class: "staa-stage" }, alone, picture, toast);
  element.style.setProperty("--staa-aspect", String(size[0] / size[1]));

  const { pictures } = session.film;
  const store = pictures && new FrameStore(session.payload.peek().jpegs, pictures.offsets, pictures.size);
  if (store) until.addEventListener("abort", () => store.close());

  const paint = (at: number) => {
    const image = store?.peek(at) ?? null;
    drawn.draw(image, session.raw.value ? null : session.overlay.value);
    if (state.view.value === "side") drawnPlain.draw(image, null);
    canvas.dataset.frame = String(clock.frames[at]);
  };
  watch(until, () => {
    const at = position.value;
    if (!store || store.peek(at)) paint(at);
    else {
      store.load(at).then(
        () => until.aborted || position.peek() !== at || paint(at),
        () => session.say(`Frame ${clock.frames[at]} cannot be decoded.`),
      );
      // What `paint` would read must be read here too, or a change before the picture comes would go unseen.
      [session.raw.value, session.overlay.value, state.view.value];
    }
  });
  watch(until, () => {
    const at = position.value;
    for (let ahead = at + 1; store && ahead <= Math.min(at + AHEAD, clock.count - 1); ahead++) {
      store.load(ahead).catch(() => undefined);
    }
  });
  watch(until, () => {
    alone.hidden = state.view.value !== "side";
    element.classList.toggle("staa-side", state.view.value === "side");
    element.style.setProperty("--staa-height", state.height.value > 0 ? `${state.height.value}px` : "");
  });

  let quiet: ReturnType<typeof setTimeout> | undefined;
  watch(until, () => {
    toast.textContent = session.host.notice.value.text;
    clearTimeout(quiet);
    quiet = setTimeout(() => toast.replaceChildren(), 2500);
  });
  until.addEventListener("abort", () => clearTimeout(quiet));

  hover(session, picture, cell, readout);
  return { element, canvas };
}

/** The outline of what acts; drawn as a line of its own, so that it is sharp at any size. */
function truth({ meta, outline, until }: Session): SVGSVGElement {
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
    for (const line of lines) line.setAttribute("d", outline.value);
  });
  return element;
}

function sheet([width, height]: readonly [number, number], label: string): HTMLCanvasElement {
  return h("canvas", { width, height, role: "img", "aria-label": label });
}

/** Set an element over a rectangle given in pixels of the picture. */
function place(element: HTMLElement, { size }: Session, [x0, y0, x1, y1]: readonly [number, number, number, number]) {
  const [left, top] = [Math.max(x0, 0), Math.max(y0, 0)];
  element.style.left = `${(100 * left) / size[0]}%`;
  element.style.top = `${(100 * top) / size[1]}%`;
  element.style.width = `${(100 * (Math.min(x1, size[0]) - left)) / size[0]}%`;
  element.style.height = `${(100 * (Math.min(y1, size[1]) - top)) / size[1]}%`;
}

/** Name the patch under the pointer and what it was given. */
function hover(session: Session, picture: HTMLElement, cell: HTMLElement, readout: HTMLElement): void {
  const { size, box, until } = session;
  let pointer: { x: number; y: number } | null = null;
  const show = () => {
    const heat = session.heat.value;
    const map = session.map.value;
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
    place(cell, session, [x, y, x + width, y + height]);
    const value = map[row * heat.columns + column];
    readout.replaceChildren(
      h("b", {}, value.toFixed(2)),
      " of the clip’s maximum",
      h("br"),
      `stronger than ${percent(rank(heat.sorted, Math.abs(value)))} of the clip`,
      h("br"),
      h("span", {}, `row ${row + 1}, column ${column + 1}, slice ${session.slice.value + 1}`),
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
}
