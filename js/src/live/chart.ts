// The chart of the live widget: a bar for each window of the last minute.

import { percent } from "../ui/dom.js";
import { now } from "./messages.js";

const SECONDS = 60;
const HEIGHT = 64;

interface Bar {
  time: number;
  value: number;
}

export class Chart {
  readonly #canvas: HTMLCanvasElement;
  #bars: Bar[] = [];

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** Add a window: the probability of its class times the share of the newest slice. */
  add(value: number, label: string, probability: number): void {
    this.#bars.push({ time: now(), value });
    this.#canvas.setAttribute(
      "aria-label",
      `Windows of the last minute; the newest: ${label}, ${percent(probability)}, ${percent(value)} with its share of time`,
    );
    this.draw();
  }

  draw(): void {
    const canvas = this.#canvas;
    const end = now();
    this.#bars = this.#bars.filter(({ time }) => time > end - SECONDS);
    const scale = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale);
    const height = Math.round(HEIGHT * scale);
    if (!width) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d")!;
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, width, height);
    const top = this.#bars.reduce((most, { value }) => Math.max(most, value), 1e-9);
    const x = (time: number) => (1 - (end - time) / SECONDS) * width;
    context.fillStyle = style.getPropertyValue("--staa-line") || style.color;
    for (let second = 0; second <= SECONDS; second += 10) context.fillRect(x(end - second) - 1, height - 3, 1, 3);
    context.fillStyle = style.color;
    this.#bars.forEach(({ time, value }, i) => {
      const next = this.#bars[i + 1]?.time ?? end;
      const from = x(time);
      const size = Math.max((Math.max(value, 0) / top) * (height - 6), 1);
      context.fillRect(from, height - 4 - size, Math.max(Math.min(x(next), from + 8 * scale) - from - 1, 1), size);
    });
    canvas.dataset.bars = String(this.#bars.length);
  }
}
