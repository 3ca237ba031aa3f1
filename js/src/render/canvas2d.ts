// Draws a frame and the heat map over it on a canvas.

import { BACKGROUND } from "../core/generated.js";
import { composite, type Overlay } from "./composite.js";

/** Draws a frame, and a heat map over it. */
export interface Compositor {
  draw(picture: CanvasImageSource | null, overlay: Overlay | null): void;
}

export function canvas2d(canvas: HTMLCanvasElement): Compositor {
  // Every frame is read back to be blended, which is slow from the GPU.
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false })!;
  return {
    draw(picture, overlay) {
      const { width, height } = canvas;
      if (picture) context.drawImage(picture, 0, 0, width, height);
      else {
        context.fillStyle = BACKGROUND;
        context.fillRect(0, 0, width, height);
      }
      if (!overlay) return;
      const image = context.getImageData(0, 0, width, height);
      composite(image.data, width, height, overlay);
      context.putImageData(image, 0, 0);
    },
  };
}
