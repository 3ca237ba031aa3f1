// Export as an image: draws the stage, its labels and the color bar into a PNG file.

import { saveFile } from "../core/save.js";
import { readable } from "../core/text.js";
import { targetName } from "../host/payload.js";
import type { Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";

/** Least width of the image in pixels: the text needs it. */
const MIN_WIDTH = 560;

/** Download the current view as a PNG file, named after clip, frame and method. */
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

/** A canvas for the image, with its measures and with helpers that draw on it. */
interface Sheet {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  /** Size of the text and of the margins in pixels, and height of a line of text. */
  readonly unit: number;
  readonly row: number;
  /** The stage inside of the image. */
  readonly stage: Place;
  readonly foreground: string;
  readonly quiet: string;
  /** Place in the image of an element on the stage. */
  place(element: Element): Place;
  fill(color: string | CanvasGradient, ...place: Place): void;
  write(text: string, y: number, color?: string, x?: number, align?: CanvasTextAlign, maxWidth?: number): void;
}

/** Draw the current view as it is arranged, in its colors, with a heading above and the color bar below. */
function drawPlayer(session: Session, root: HTMLElement): HTMLCanvasElement {
  const pictures = visible<HTMLCanvasElement>(root, ".staa-picture canvas");
  const labels = visible(root, ".staa-grid .staa-tab, .staa-wiper .staa-corner");
  const sheet = createSheet(root, pictures, labels);
  drawHeading(sheet, session, root);
  drawStage(sheet, root, pictures, labels);
  drawColorbar(sheet, root);
  return sheet.canvas;
}

const visible = <E extends HTMLElement>(root: HTMLElement, selector: string) =>
  [...root.querySelectorAll<E>(selector)].filter(({ offsetWidth }) => offsetWidth);

/** The text of an element's parts; of a word with a definition, the word. */
const textOf = (root: HTMLElement, selector: string) =>
  [...root.querySelector(selector)!.childNodes].map((part) => (part.firstChild ?? part).textContent).join(" · ");

const styleOf = (root: HTMLElement, selector: string) => getComputedStyle(root.querySelector(selector)!);

/** Make a sheet that has room for these pictures and labels as they are arranged on the page. */
function createSheet(root: HTMLElement, pictures: HTMLCanvasElement[], labels: HTMLElement[]): Sheet {
  const boxes = [...pictures, ...labels].map((element) => element.getBoundingClientRect());
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  const stageWidth = Math.max(...boxes.map((box) => box.right)) - left;
  const stageHeight = Math.max(...boxes.map((box) => box.bottom)) - top;
  // The picture with most pixels keeps its resolution, or a multiple of it.
  const finest = Math.max(...pictures.map((picture) => picture.width / picture.getBoundingClientRect().width));
  const scale = finest * Math.ceil(MIN_WIDTH / (finest * stageWidth));
  const [width, height] = [Math.round(scale * stageWidth), Math.round(scale * stageHeight)];

  const unit = Math.max(14, Math.round(width / 46));
  const row = Math.round(1.45 * unit);
  const stageTop = Math.floor(1.5 * unit) + 3 * row;
  const canvas = document.createElement("canvas");
  canvas.width = width + 2 * unit;
  canvas.height = stageTop + height + 3 * unit + 2 * row;
  const context = canvas.getContext("2d", { alpha: false })!;
  context.textBaseline = "middle";
  context.imageSmoothingQuality = "high";
  const { color: foreground, backgroundColor: background } = getComputedStyle(root);
  const quiet = styleOf(root, ".staa-quiet").color;
  const fill: Sheet["fill"] = (color, ...place) => {
    context.fillStyle = color;
    context.fillRect(...place);
  };
  fill(background, 0, 0, canvas.width, canvas.height);
  return {
    canvas,
    context,
    unit,
    row,
    stage: [unit, stageTop, width, height],
    foreground,
    quiet,
    fill,
    write(text, y, color = quiet, x = unit, align = "left", maxWidth = width) {
      context.fillStyle = color;
      context.textAlign = align;
      context.fillText(text, x, y, maxWidth);
    },
    place(element) {
      const box = element.getBoundingClientRect();
      const place = [
        unit + scale * (box.left - left),
        stageTop + scale * (box.top - top),
        scale * box.width,
        scale * box.height,
      ];
      return place.map(Math.round) as Place;
    },
  };
}

/** Write the clip, the explanation and the time. */
function drawHeading({ context, unit, row, foreground, write }: Sheet, session: Session, root: HTMLElement): void {
  const font = `${unit}px system-ui, sans-serif`;
  context.font = `600 ${font}`;
  write(textOf(root, ".staa-clip"), unit + row / 2, foreground);
  context.font = font;
  write(captionOf(session), unit + 1.5 * row);
  write(textOf(root, ".staa-now"), unit + 2.5 * row);
}

/** Draw the pictures, the line between them, the marks of patches, and the names of panes. */
function drawStage(sheet: Sheet, root: HTMLElement, pictures: HTMLCanvasElement[], labels: HTMLElement[]): void {
  const { context, unit, stage, place, fill, write } = sheet;
  fill(styleOf(root, ".staa-stage").backgroundColor, ...stage);
  const [grip] = visible(root, ".staa-grip").map(place);
  const line = grip && grip[0] + (grip[2] >> 1);
  const isUpper = (picture: Element) => Number(!!picture.closest(".staa-upper"));
  for (const picture of pictures.sort((a, b) => isUpper(a) - isUpper(b))) {
    drawPicture(sheet, picture, isUpper(picture) ? line : undefined);
  }
  if (grip) fill("#fff", line - 1, grip[1], 2, grip[3]);
  for (const patchMark of visible(root, ".staa-patch-mark")) {
    context.strokeStyle = getComputedStyle(patchMark).outlineColor;
    context.lineWidth = unit / 8;
    context.strokeRect(...place(patchMark));
  }
  for (const label of labels) {
    const { backgroundColor, color } = getComputedStyle(label);
    const [x, y, width, height] = place(label);
    fill(backgroundColor, x, y, width, height);
    write(label.textContent, y + height / 2, color, x + width / 2, "center", 0.9 * width);
  }
}

/** Draw a picture and its outlines; only what is right of `from`, if that is given. */
function drawPicture({ context, unit, place }: Sheet, picture: HTMLCanvasElement, from?: number): void {
  const [x, y, width, height] = place(picture);
  const left = from ?? x;
  context.save();
  context.beginPath();
  context.rect(left, y, x + width - left, height);
  context.clip();
  context.drawImage(picture, x, y, width, height);
  for (const outline of picture.parentElement!.querySelectorAll("path")) {
    const { viewBox } = outline.ownerSVGElement!;
    const path = new Path2D();
    const scale = { a: width / viewBox.baseVal.width, d: height / viewBox.baseVal.height };
    path.addPath(new Path2D(outline.getAttribute("d")!), { ...scale, e: x, f: y });
    context.strokeStyle = outline.getAttribute("stroke")!;
    context.lineWidth = (Number(outline.getAttribute("stroke-width")) * unit) / 14;
    context.stroke(path);
  }
  context.restore();
}

/** Draw the color bar, its values and its caption. */
function drawColorbar({ context, unit, row, stage, foreground, fill, write }: Sheet, root: HTMLElement): void {
  const [, stageTop, width, height] = stage;
  const top = stageTop + height + unit;
  const gradient = context.createLinearGradient(unit, 0, unit + width, 0);
  const stops = styleOf(root, ".staa-gradient").backgroundImage.matchAll(/(rgb.*?\)) ([\d.]+)%/g);
  for (const [, color, percent] of stops) gradient.addColorStop(Number(percent) / 100, color);
  fill(gradient, unit, top, width, unit);
  for (const [i, tick] of visible(root, ".staa-ticks span").entries()) {
    const align = i ? (i < 4 ? "center" : "right") : "left";
    write(tick.textContent, top + unit + row / 2, foreground, unit + (i / 4) * width, align);
  }
  const caption = [".staa-colorbar .staa-quiet", ".staa-patch-size"].map((part) => textOf(root, part)).join(" · ");
  write(caption, top + unit + 1.5 * row);
}

/** Class, method, model and map; for several panes only what they share, as their labels show the rest. */
function captionOf(session: Session): string {
  const { layer, head } = session.state;
  const { all: panes, active } = session.panes;
  const factsOf = ({ meta }: Pane) => {
    const { method_title, model } = meta.peek();
    return [readable(targetName(meta.peek())), method_title, model];
  };
  const alone = /overlay|side/.test(session.view.mode.peek());
  const shared = factsOf(active.peek()).filter((fact, i) => alone || panes.every((pane) => factsOf(pane)[i] === fact));
  if (layer.peek() >= 0) {
    shared.push(`layer ${layer.peek() + 1}`, head.peek() < 0 ? "mean of heads" : `head ${head.peek() + 1}`);
  }
  return shared.join(" · ");
}
