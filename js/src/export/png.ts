import { LINES } from "../heat/truth.js";
import type { Session } from "../session.js";

/** Hand the picture on show to the user as a PNG file named after clip, frame and method. */
export function savePicture(session: Session, canvas: HTMLCanvasElement): void {
  const meta = session.meta.peek();
  const stem = meta.clip.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "_") || "clip";
  const name = `${stem}_frame${canvas.dataset.frame}_${meta.method}.png`;
  marked(session, canvas).toBlob((picture) => {
    if (!picture) return session.say("The picture could not be made");
    const url = URL.createObjectURL(picture);
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    URL.revokeObjectURL(url);
    return session.say(`Saved ${name}`);
  }, "image/png");
}

/** The picture with the outline that lies over it on the screen. */
function marked({ active, raw }: Session, canvas: HTMLCanvasElement): HTMLCanvasElement {
  const { outline, meta } = active.peek();
  const { truth } = meta.peek();
  if (!truth || !outline.peek() || raw.peek()) return canvas;
  const copy = canvas.cloneNode() as HTMLCanvasElement;
  const context = copy.getContext("2d")!;
  context.drawImage(canvas, 0, 0);
  context.scale(canvas.width / truth.size[0], canvas.height / truth.size[1]);
  const line = new Path2D(outline.peek());
  for (const [colour, width] of LINES) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke(line);
  }
  return copy;
}
