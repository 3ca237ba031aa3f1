import type { Meta } from "../protocol.js";
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
function draw({ state, panes, active }: Session, root: HTMLElement): HTMLCanvasElement {
  const find = (selector: string) => root.querySelector<HTMLElement>(selector);
  const shown = (selector: string) =>
    [...root.querySelectorAll<HTMLElement>(selector)].filter(({ offsetWidth }) => offsetWidth > 0);
  const pictures = shown(".staa-picture:has(canvas)").map(
    (element) => [element, element.querySelector("canvas")!] as const,
  );
  const labels = shown(".staa-grid .staa-tab, .staa-wiper .staa-corner");
  const boxes = [...pictures.map(([element]) => element), ...labels].map((element) => element.getBoundingClientRect());
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  const [right, bottom] = [Math.max(...boxes.map((box) => box.right)), Math.max(...boxes.map((box) => box.bottom))];
  // The finest picture has its own pixels, or each of them several times.
  const fine = Math.max(...pictures.map(([element, canvas]) => canvas.width / element.getBoundingClientRect().width));
  const scale = fine * Math.ceil(LEAST / (fine * (right - left)));
  const [width, height] = [Math.round(scale * (right - left)), Math.round(scale * (bottom - top))];

  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false })!;
  const unit = Math.max(14, Math.round(width / 46));
  const row = Math.round(1.45 * unit);
  const style = getComputedStyle(root);
  const quiet = getComputedStyle(find(".staa-quiet")!).color;
  const font = (size = unit, weight = 400) => `${weight} ${Math.min(size, unit)}px system-ui, sans-serif`;
  type Line = readonly [text: string, ink: string, font: string];
  const lines = (text: string, ink: string, weight?: number): Line[] => {
    context.font = font(unit, weight);
    const found: string[] = [];
    for (const word of text.replace("\n", " · ").split(/\s+/)) {
      const longer = `${found.at(-1)} ${word}`;
      if (found.length && context.measureText(longer).width <= width) found[found.length - 1] = longer;
      else found.push(word);
    }
    return found.map((text) => [text, ink, font(unit, weight)]);
  };
  const words = (selector: string) => find(selector)?.innerText ?? "";
  const { layer, head, view } = state;
  const map =
    layer.peek() < 0
      ? []
      : [`layer ${layer.peek() + 1}, ${head.peek() < 0 ? "mean of heads" : `head ${head.peek() + 1}`}`];
  // Of several panes on show: what they have in common; in what they differ, their labels say.
  const all = (/overlay|side/.test(view.peek()) ? [active.peek()] : panes).map(({ meta }) => meta.peek());
  const facts = [({ labels, target }: Meta) => labels[target], ({ method }: Meta) => method, ({ model }: Meta) => model]
    .filter((fact) => new Set(all.map(fact)).size === 1)
    .map((fact) => fact(all[0]));
  const heading = [
    ...lines(words(".staa-clip"), style.color, 600),
    ...lines([...facts, ...map].join(" · "), quiet),
    ...lines(words(".staa-now"), quiet),
  ];
  const about = lines(words(".staa-colourbar .staa-quiet"), quiet);
  const start = unit + row * heading.length + (unit >> 1);
  const bar = start + height + unit;
  canvas.width = width + 2 * unit;
  canvas.height = bar + 2 * unit + row * (1 + about.length);

  const fill = (ink: string | CanvasGradient, x: number, y: number, w: number, h: number) => {
    context.fillStyle = ink;
    context.fillRect(x, y, w, h);
  };
  const write = (
    text: string,
    x: number,
    y: number,
    ink: string,
    of = font(),
    align: CanvasTextAlign = "left",
    most = width,
  ) => {
    context.fillStyle = ink;
    context.font = of;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(text, x, y, most);
  };
  const place = (element: Element) => {
    const box = element.getBoundingClientRect();
    const at = [
      unit + scale * (box.left - left),
      start + scale * (box.top - top),
      scale * box.width,
      scale * box.height,
    ];
    return at.map(Math.round) as [x: number, y: number, w: number, h: number];
  };
  fill(style.backgroundColor, 0, 0, canvas.width, canvas.height);
  for (const [i, [text, ink, of]] of heading.entries()) write(text, unit, unit + (i + 0.5) * row, ink, of);
  fill(getComputedStyle(find(".staa-stage")!).backgroundColor, unit, start, width, height);

  context.imageSmoothingQuality = "high";
  const [grip] = shown(".staa-grip").map(place);
  const line = grip ? grip[0] + (grip[2] >> 1) : 0;
  const upper = ([element]: (typeof pictures)[number]) => Number(element.matches(".staa-upper"));
  for (const one of pictures.sort((a, b) => upper(a) - upper(b))) {
    const [element, picture] = one;
    const [x, y, w, h] = place(element);
    context.save();
    context.beginPath();
    context.rect(upper(one) ? line : x, y, upper(one) ? x + w - line : w, h);
    context.clip();
    context.drawImage(picture, x, y, w, h);
    for (const drawn of element.querySelectorAll("svg")) {
      const { width: wide, height: tall } = drawn.viewBox.baseVal;
      for (const path of drawn.querySelectorAll("path")) {
        const outline = new Path2D();
        outline.addPath(new Path2D(path.getAttribute("d") ?? ""), { a: w / wide, d: h / tall, e: x, f: y });
        context.strokeStyle = path.getAttribute("stroke")!;
        context.lineWidth = (Number(path.getAttribute("stroke-width")) * unit) / 14;
        context.stroke(outline);
      }
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
    const { color, backgroundColor } = getComputedStyle(label);
    const [x, y, w, h] = place(label);
    fill(backgroundColor, x, y, w, h);
    write(label.innerText, x + w / 2, y + h / 2, color, font(0.6 * h), "center", w);
  }

  const fade = context.createLinearGradient(unit, 0, unit + width, 0);
  const { backgroundImage } = find(".staa-gradient")!.style;
  for (const [, colour, at] of backgroundImage.matchAll(/(rgb\(.*?\)|transparent) ([\d.]+)%/g)) {
    fade.addColorStop(Number(at) / 100, colour);
  }
  fill(fade, unit, bar, width, unit);
  const ticks = [...root.querySelectorAll<HTMLElement>(".staa-ticks span")];
  for (const [i, tick] of ticks.entries()) {
    const share = i / (ticks.length - 1);
    const align = share === 0 ? "left" : share === 1 ? "right" : "center";
    write(tick.innerText, unit + share * width, bar + unit + row / 2, style.color, font(), align);
  }
  for (const [i, [text, ink]] of about.entries()) write(text, unit, bar + unit + (i + 1.5) * row, ink);
  return canvas;
}
