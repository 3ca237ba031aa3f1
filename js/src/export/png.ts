import type { Session } from "../session.js";
import { save, stem } from "./save.js";

/** Pixels across, of the file, that words need. */
const LEAST = 560;

/** Hand what the player shows to the user as a PNG file named after clip, frame and method. */
export function savePicture(session: Session, root: HTMLElement): void {
  const { clip, method } = session.meta.peek();
  const frame = session.clock.frames[session.position.peek()];
  const name = `${stem(clip.name)}_frame${frame}_${stem(method)}.png`;
  draw(session, root).toBlob((picture) => {
    if (picture) save(name, picture);
    session.say(picture ? `Saved ${name}` : "The picture could not be made");
  }, "image/png");
}

/** What the player shows, as it is arranged and in its colours, under a heading and over the colour bar. */
function draw(session: Session, root: HTMLElement): HTMLCanvasElement {
  const find = (selector: string) => root.querySelector<HTMLElement>(selector)!;
  const shown = (selector: string) =>
    [...root.querySelectorAll<HTMLElement>(selector)].filter(({ offsetWidth }) => offsetWidth);
  const rectangle = (element: Element) => element.getBoundingClientRect();
  const pixels = (element: Element) => element.querySelector("canvas")!;
  const pictures = shown(".staa-picture:has(canvas)");
  const labels = shown(".staa-grid .staa-tab, .staa-wiper .staa-corner");
  const boxes = [...pictures, ...labels].map(rectangle);
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  const wide = Math.max(...boxes.map((box) => box.right)) - left;
  const tall = Math.max(...boxes.map((box) => box.bottom)) - top;
  // The finest picture has its own pixels, or each of them several times.
  const fine = Math.max(...pictures.map((element) => pixels(element).width / rectangle(element).width));
  const scale = fine * Math.ceil(LEAST / (fine * wide));
  const [width, height] = [Math.round(scale * wide), Math.round(scale * tall)];

  const unit = Math.max(14, Math.round(width / 46));
  const row = Math.round(1.45 * unit);
  const start = unit + 3 * row + (unit >> 1);
  const bar = start + height + unit;
  const canvas = document.createElement("canvas");
  canvas.width = width + 2 * unit;
  canvas.height = bar + 2 * unit + 2 * row;
  const context = canvas.getContext("2d", { alpha: false })!;
  context.textBaseline = "middle";
  context.imageSmoothingQuality = "high";
  const { color: ink, backgroundColor: ground } = getComputedStyle(root);
  const quiet = getComputedStyle(find(".staa-quiet")).color;
  const font = (size: number, weight = 400) => {
    context.font = `${weight} ${Math.min(size, unit)}px system-ui, sans-serif`;
  };
  const write = (text: string, y: number, colour: string, x = unit, align: CanvasTextAlign = "left", most = width) => {
    context.fillStyle = colour;
    context.textAlign = align;
    context.fillText(text, x, y, most);
  };
  const fill = (colour: string | CanvasGradient, ...place: [x: number, y: number, w: number, h: number]) => {
    context.fillStyle = colour;
    context.fillRect(...place);
  };
  const place = (element: Element) => {
    const { left: x, top: y, width: w, height: h } = rectangle(element);
    const at = [unit + scale * (x - left), start + scale * (y - top), scale * w, scale * h];
    return at.map(Math.round) as [x: number, y: number, w: number, h: number];
  };

  fill(ground, 0, 0, canvas.width, canvas.height);
  font(unit, 600);
  write(find(".staa-clip").innerText, unit + row / 2, ink);
  font(unit);
  write(facts(session), unit + 1.5 * row, quiet);
  write(find(".staa-now").innerText.replace("\n", " · "), unit + 2.5 * row, quiet);
  fill(getComputedStyle(find(".staa-stage")).backgroundColor, unit, start, width, height);

  const [grip] = shown(".staa-grip").map(place);
  const line = grip && grip[0] + (grip[2] >> 1);
  const over = (element: Element) => Number(element.matches(".staa-upper"));
  for (const element of pictures.sort((a, b) => over(a) - over(b))) {
    const [x, y, w, h] = place(element);
    const from = over(element) ? line : x;
    context.save();
    context.beginPath();
    context.rect(from, y, x + w - from, h);
    context.clip();
    context.drawImage(pixels(element), x, y, w, h);
    for (const outline of element.querySelectorAll("path")) {
      const { width: across, height: down } = outline.ownerSVGElement!.viewBox.baseVal;
      const path = new Path2D();
      path.addPath(new Path2D(outline.getAttribute("d") ?? ""), { a: w / across, d: h / down, e: x, f: y });
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
    const style = getComputedStyle(label);
    const [x, y, w, h] = place(label);
    fill(style.backgroundColor, x, y, w, h);
    font(0.6 * h);
    write(label.innerText, y + h / 2, style.color, x + w / 2, "center", w);
  }

  font(unit);
  const fade = context.createLinearGradient(unit, 0, unit + width, 0);
  const colours = find(".staa-gradient").style.backgroundImage.matchAll(/(rgb\(.*?\)|transparent) ([\d.]+)%/g);
  for (const [, colour, at] of colours) fade.addColorStop(Number(at) / 100, colour);
  fill(fade, unit, bar, width, unit);
  for (const [i, tick, { length }] of shown(".staa-ticks span").map((one, i, all) => [i, one, all] as const)) {
    const align = i ? (i < length - 1 ? "center" : "right") : "left";
    write(tick.innerText, bar + unit + row / 2, ink, unit + (i / (length - 1)) * width, align);
  }
  write(find(".staa-colourbar .staa-quiet").innerText, bar + unit + 1.5 * row, quiet);
  return canvas;
}

/** Class, method, model and map: of several panes on show what they share, for their labels tell in what they differ. */
function facts({ state: { layer, head, view }, panes, active }: Session): string {
  const all = (/overlay|side/.test(view.peek()) ? [active.peek()] : panes).map(({ meta }) => {
    const { labels, target, method, model } = meta.peek();
    return [labels[target], method, model];
  });
  const shared = all[0].filter((fact, i) => all.every((one) => one[i] === fact));
  if (layer.peek() >= 0) {
    shared.push(`layer ${layer.peek() + 1}`, head.peek() < 0 ? "mean of heads" : `head ${head.peek() + 1}`);
  }
  return shared.join(" · ");
}
