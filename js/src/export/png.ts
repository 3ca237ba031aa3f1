// Export as an image: draws the stage, its labels and the color bar into a PNG file.

import { save } from "../core/save.js";
import type { Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";

/** Pixels across, of the file, that words need. */
const LEAST = 560;

/** Hand what the player shows to the user as a PNG file named after clip, frame and method. */
export function savePicture(session: Session, root: HTMLElement): void {
  const { clip, method } = session.view.meta.peek().file_stems;
  const frame = session.panes.timeline.frames[session.panes.position.peek()];
  const name = `${clip}_frame${frame}_${method}.png`;
  draw(session, root).toBlob((picture) => {
    if (picture) save(name, picture);
    session.host.notify(picture ? `Saved ${name}` : "The picture could not be made");
  });
}

type Place = [x: number, y: number, width: number, height: number];

/** What the player shows, as it is arranged and in its colours, under a heading and over the colour bar. */
function draw(session: Session, root: HTMLElement): HTMLCanvasElement {
  const shown = <E extends HTMLElement>(selector: string) =>
    [...root.querySelectorAll<E>(selector)].filter(({ offsetWidth }) => offsetWidth);
  const words = (selector: string) =>
    [...root.querySelector(selector)!.childNodes].map((part) => part.textContent).join(" · ");
  const style = (selector: string) => getComputedStyle(root.querySelector(selector)!);
  const rectangle = (element: Element) => element.getBoundingClientRect();
  const pictures = shown<HTMLCanvasElement>(".staa-picture canvas");
  const labels = shown(".staa-grid .staa-tab, .staa-wiper .staa-corner");
  const boxes = [...pictures, ...labels].map(rectangle);
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  const wide = Math.max(...boxes.map((box) => box.right)) - left;
  const tall = Math.max(...boxes.map((box) => box.bottom)) - top;
  // The finest picture has its own pixels, or each of them several times.
  const fine = Math.max(...pictures.map((picture) => picture.width / rectangle(picture).width));
  const scale = fine * Math.ceil(LEAST / (fine * wide));
  const [width, height] = [Math.round(scale * wide), Math.round(scale * tall)];

  const unit = Math.max(14, Math.round(width / 46));
  const row = Math.round(1.45 * unit);
  const start = Math.floor(1.5 * unit) + 3 * row;
  const bar = start + height + unit;
  const canvas = document.createElement("canvas");
  canvas.width = width + 2 * unit;
  canvas.height = bar + 2 * unit + 2 * row;
  const context = canvas.getContext("2d", { alpha: false })!;
  context.textBaseline = "middle";
  context.imageSmoothingQuality = "high";
  const { color: ink, backgroundColor: ground } = getComputedStyle(root);
  const quiet = style(".staa-quiet").color;
  const write = (text: string, y: number, colour = quiet, x = unit, align: CanvasTextAlign = "left", most = width) => {
    context.fillStyle = colour;
    context.textAlign = align;
    context.fillText(text, x, y, most);
  };
  const fill = (colour: string | CanvasGradient, ...place: Place) => {
    context.fillStyle = colour;
    context.fillRect(...place);
  };
  const place = (element: Element) => {
    const box = rectangle(element);
    const at = [
      unit + scale * (box.left - left),
      start + scale * (box.top - top),
      scale * box.width,
      scale * box.height,
    ];
    return at.map(Math.round) as Place;
  };

  fill(ground, 0, 0, canvas.width, canvas.height);
  const font = `${unit}px system-ui, sans-serif`;
  context.font = `600 ${font}`;
  write(words(".staa-clip"), unit + row / 2, ink);
  context.font = font;
  write(captionOf(session), unit + 1.5 * row);
  write(words(".staa-now"), unit + 2.5 * row);
  fill(style(".staa-stage").backgroundColor, unit, start, width, height);

  const [grip] = shown(".staa-grip").map(place);
  const line = grip && grip[0] + (grip[2] >> 1);
  const over = (picture: Element) => Number(!!picture.closest(".staa-upper"));
  for (const picture of pictures.sort((a, b) => over(a) - over(b))) {
    const [x, y, w, h] = place(picture);
    const from = over(picture) ? line : x;
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
  for (const asked of shown(".staa-asked")) {
    context.strokeStyle = getComputedStyle(asked).outlineColor;
    context.lineWidth = unit / 8;
    context.strokeRect(...place(asked));
  }
  for (const label of labels) {
    const { backgroundColor, color } = getComputedStyle(label);
    const [x, y, w, h] = place(label);
    fill(backgroundColor, x, y, w, h);
    write(label.textContent, y + h / 2, color, x + w / 2, "center", 0.9 * w);
  }

  const fade = context.createLinearGradient(unit, 0, unit + width, 0);
  const stops = style(".staa-gradient").backgroundImage.matchAll(/(rgb.*?\)) ([\d.]+)%/g);
  for (const [, colour, at] of stops) fade.addColorStop(Number(at) / 100, colour);
  fill(fade, unit, bar, width, unit);
  for (const [i, tick] of shown(".staa-ticks span").entries()) {
    const align = i ? (i < 4 ? "center" : "right") : "left";
    write(tick.textContent, bar + unit + row / 2, ink, unit + (i / 4) * width, align);
  }
  write(words(".staa-colourbar .staa-quiet"), bar + unit + 1.5 * row);
  return canvas;
}

/** Class, method, model and map: of several panes on show what they share, for their labels tell in what they differ. */
function captionOf(session: Session): string {
  const { layer, head } = session.state;
  const { all: panes, active } = session.panes;
  const of = ({ meta }: Pane) => {
    const { labels, target, method, model } = meta.peek();
    return [labels[target], method, model];
  };
  const alone = /overlay|side/.test(session.view.mode.peek());
  const shared = of(active.peek()).filter((fact, i) => alone || panes.every((pane) => of(pane)[i] === fact));
  if (layer.peek() >= 0) {
    shared.push(`layer ${layer.peek() + 1}`, head.peek() < 0 ? "mean of heads" : `head ${head.peek() + 1}`);
  }
  return shared.join(" · ");
}
