// The picture of the live widget: the newest frame at once, and the newest heat map, which fades as it gets old.

import { palette } from "../heat/palette.js";
import { canvas2d } from "../render/canvas2d.js";
import { type LiveSettings, type MapMessage, now } from "./messages.js";

/** Frames that are kept, to show the one that the heat map belongs to. */
const MAX_FRAMES = 16;
/** Seconds after which a heat map begins to fade, and seconds until it is gone. */
export const FRESH = 1;
const FADING = 1;
const OPACITY_STEPS = 20;

interface Frame {
  picture: ImageBitmap;
  time: number;
}

interface Heat {
  message: MapMessage;
  map: Float32Array;
  /** When its frame was captured, by the clock of this page. */
  captured: number;
}

export class Screen {
  readonly #canvas: HTMLCanvasElement;
  readonly #compositor;
  readonly #settings: LiveSettings;
  readonly #colors: Uint8Array;
  readonly #palettes = new Map<number, Uint8Array>();
  #frames: Frame[] = [];
  #heat: Heat | null = null;
  /** Whether the frame of the heat map is shown in place of the newest one. */
  delayed = false;

  constructor(canvas: HTMLCanvasElement, settings: LiveSettings, colors: Uint8Array) {
    this.#canvas = canvas;
    this.#compositor = canvas2d(canvas);
    this.#settings = settings;
    this.#colors = colors;
  }

  addFrame(picture: ImageBitmap, time: number): void {
    this.#frames.push({ picture, time });
    while (this.#frames.length > MAX_FRAMES) this.#frames.shift()!.picture.close();
    if (!this.delayed || !this.#heat) this.draw();
  }

  addMap(message: MapMessage, map: Float32Array, captured: number): void {
    this.#heat = { message, map, captured };
    this.draw();
  }

  /** Seconds since the frame of the heat map was captured; `null` without a heat map. */
  get age(): number | null {
    return this.#heat && Math.max(now() - this.#heat.captured, 0);
  }

  /** Forget everything, but leave the last picture, without heat. */
  clear(): void {
    this.#heat = null;
    this.draw();
    for (const { picture } of this.#frames) picture.close();
    this.#frames = [];
  }

  draw(): void {
    const frame = this.#shownFrame();
    if (!frame) return;
    const { width, height } = frame.picture;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#canvas.hidden = false;
    const strength = this.#strength();
    this.#canvas.dataset.heat = strength.toFixed(2);
    this.#canvas.dataset.time = String(frame.time);
    this.#compositor.draw(frame.picture, strength > 0 && this.#heat ? this.#overlay(this.#heat, strength) : null);
  }

  #shownFrame(): Frame | undefined {
    const newest = this.#frames.at(-1);
    const heat = this.#heat;
    if (!this.delayed || !heat) return newest;
    const distance = ({ time }: Frame) => Math.abs(time - heat.message.time);
    return this.#frames.reduce<Frame | undefined>(
      (best, frame) => (!best || distance(frame) < distance(best) ? frame : best),
      undefined,
    );
  }

  /** How much of the heat map is shown, 0 … 1. */
  #strength(): number {
    const { age } = this;
    return age === null ? 0 : Math.min(Math.max(1 - (age - FRESH) / FADING, 0), 1);
  }

  #overlay({ message, map }: Heat, strength: number) {
    const { rows, columns, top, box, size } = message;
    const { signed } = this.#settings;
    const across = this.#canvas.width / size[0];
    const down = this.#canvas.height / size[1];
    return {
      map,
      rows,
      columns,
      top,
      signed,
      palette: this.#palette(strength),
      nearest: false,
      box: [box[0] * across, box[1] * down, box[2] * across, box[3] * down] as const,
      dim: false,
    };
  }

  #palette(strength: number): Uint8Array {
    const step = Math.ceil(strength * OPACITY_STEPS);
    const { opacity, gamma, signed } = this.#settings;
    if (!this.#palettes.has(step)) {
      const style = { colorTable: this.#colors, opacity: (opacity * step) / OPACITY_STEPS, cutoff: 0, gamma, signed };
      this.#palettes.set(step, palette(style));
    }
    return this.#palettes.get(step)!;
  }
}
