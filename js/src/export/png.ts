// Export as an image: draws the stage, its labels and the color bar into a PNG file.

import { saveFile } from "../core/save.js";
import type { Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";

/** Least width of the image in pixels: the text needs it. */
const MIN_WIDTH = 560;

/** Download the view on show as a PNG file, named after clip, frame and method. */
export function savePicture(session: Session, root: HTMLElement): void {
  const { clip, method } = session.view.meta.peek().file_stems;
  const frame = session.panes.timeline.frames[session.panes.position.peek()];
  const name = `${clip}_frame${frame}_${method}.png`;
  drawPlayer(session, root).toBlob((picture) => {
    if (picture) saveFile(name, picture);
    session.host.notify(picture ? `Saved ${name}` : "The picture could not be saved");
  });
}

type Place = [x: number, y: number, width: number, height: number];

/** Draw the view on show as it is arranged, in its colors, with a heading above and the color bar below. */
function drawPlayer(session: Session, root: HTMLElement): HTMLCanvasElement {
  const visible = <E extends HTMLElement>(selector: string) =>
    [...root.querySelectorAll<E>(selector)].filter(({ offsetWidth }) => offsetWidth);
  const textOf = (selector: string) =>
    [...root.querySelector(selector)!.childNodes].map((part) => part.textContent).join(" · ");
  const style = (selector: string) => getComputedStyle(root.querySelector(selector)!);
  const rectangle = (element: Element) => element.getBoundingClientRect();
  const pictures = visible<HTMLCanvasElement>(".staa-picture canvas");
  const labels = visible(".staa-grid .staa-tab, .staa-wiper .staa-corner");
  const boxes = [...pictures, ...labels].map(rectangle);
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  const stageWidth = Math.max(...boxes.map((box) => box.right)) - left;
  const stageHeight = Math.max(...boxes.map((box) => box.bottom)) - top;
  // The picture with most pixels keeps its resolution, or a multiple of it.
  const finest = Math.max(...pictures.map((picture) => picture.width / rectangle(picture).width));
  const scale = finest * Math.ceil(MIN_WIDTH / (finest * stageWidth));
  const [width, height] = [Math.round(scale * stageWidth), Math.round(scale * stageHeight)];

  const unit = Math.max(14, Math.round(width / 46));
  const row = Math.round(1.45 * unit);
  const stageTop = Math.floor(1.5 * unit) + 3 * row;
  const barTop = stageTop + height + unit;
  const canvas = document.createElement("canvas");
  canvas.width = width + 2 * unit;
  canvas.height = barTop + 2 * unit + 2 * row;
  const context = canvas.getContext("2d", { alpha: false })!;
  context.textBaseline = "middle";
  context.imageSmoothingQuality = "high";
  const { color: foreground, backgroundColor: background } = getComputedStyle(root);
  const quiet = style(".staa-quiet").color;
  const write = (
    text: string,
    y: number,
    color = quiet,
    x = unit,
    align: CanvasTextAlign = "left",
    maxWidth = width,
  ) => {
    context.fillStyle = color;
    context.textAlign = align;
    context.fillText(text, x, y, maxWidth);
  };
  const fill = (color: string | CanvasGradient, ...place: Place) => {
    context.fillStyle = color;
    context.fillRect(...place);
  };
  const place = (element: Element) => {
    const box = rectangle(element);
    const at = [
      unit + scale * (box.left - left),
      stageTop + scale * (box.top - top),
      scale * box.width,
      scale * box.height,
    ];
    return at.map(Math.round) as Place;
  };

  fill(background, 0, 0, canvas.width, canvas.height);
  const font = `${unit}px system-ui, sans-serif`;
  context.font = `600 ${font}`;
  write(textOf(".staa-clip"), unit + row / 2, foreground);
  context.font = font;
  write(captionOf(session), unit + 1.5 * row);
  write(textOf(".staa-now"), unit + 2.5 * row);
  fill(style(".staa-stage").backgroundColor, unit, stageTop, width, height);

  const [grip] = visible(".staa-grip").map(place);
  const line = grip && grip[0] + (grip[2] >> 1);
  const isUpper = (picture: Element) => Number(!!picture.closest(".staa-upper"));
  for (const picture of pictures.sort((a, b) => isUpper(a) - isUpper(b))) {
    const [x, y, w, h] = place(picture);
    const from = isUpper(picture) ? line : x;
    context.save();
    context.beginPath();
    context.rect(from, y, x + w - from, h);
    context.clip();
    context.drawImage(picture, x, y, w, h);
    for (const outline of picture.parentElement!.querySelectorAll("path")) {
      const { width, height } = outline.ownerSVGElement!.viewBox.baseVal;
      const path = new Path2D();
      path.addPath(new Path2D(outline.getAttribute("d")!), { a: w / width, d: h / height, e: x, f: y });
      context.strokeStyle = outline.getAttribute("stroke")!;
      context.lineWidth = (Number(outline.getAttribute("stroke-width")) * unit) / 14;
      context.stroke(path);
    }
    context.restore();
  }
  if (grip) fill("#fff", line - 1, grip[1], 2, grip[3]);
  for (const patchMark of visible(".staa-patch-mark")) {
    context.strokeStyle = getComputedStyle(patchMark).outlineColor;
    context.lineWidth = unit / 8;
    context.strokeRect(...place(patchMark));
  }
  for (const label of labels) {
    const { backgroundColor, color } = getComputedStyle(label);
    const [x, y, w, h] = place(label);
    fill(backgroundColor, x, y, w, h);
    write(label.textContent, y + h / 2, color, x + w / 2, "center", 0.9 * w);
  }

  const gradient = context.createLinearGradient(unit, 0, unit + width, 0);
  const stops = style(".staa-gradient").backgroundImage.matchAll(/(rgb.*?\)) ([\d.]+)%/g);
  for (const [, color, at] of stops) gradient.addColorStop(Number(at) / 100, color);
  fill(gradient, unit, barTop, width, unit);
  for (const [i, tick] of visible(".staa-ticks span").entries()) {
    const align = i ? (i < 4 ? "center" : "right") : "left";
    write(tick.textContent, barTop + unit + row / 2, foreground, unit + (i / 4) * width, align);
  }
  write(textOf(".staa-colorbar .staa-quiet"), barTop + unit + 1.5 * row);
  return canvas;
}

/** Class, method, model and map; for several panes only what they share, as their labels show the rest. */
function captionOf(session: Session): string {
  const { layer, head } = session.state;
  const { all: panes, active } = session.panes;
  const factsOf = ({ meta }: Pane) => {
    const { labels, target, method, model } = meta.peek();
    return [labels[target], method, model];
  };
  const alone = /overlay|side/.test(session.view.mode.peek());
  const shared = factsOf(active.peek()).filter((fact, i) => alone || panes.every((pane) => factsOf(pane)[i] === fact));
  if (layer.peek() >= 0) {
    shared.push(`layer ${layer.peek() + 1}`, head.peek() < 0 ? "mean of heads" : `head ${head.peek() + 1}`);
  }
  return shared.join(" · ");
}
