import type { Session } from "../session.js";

/** Hand the picture on show to the user as a PNG file named after clip, frame and method. */
export function savePicture(session: Session, canvas: HTMLCanvasElement): void {
  const meta = session.meta.peek();
  const stem = meta.clip.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "_") || "clip";
  const name = `${stem}_frame${canvas.dataset.frame}_${meta.method}.png`;
  canvas.toBlob((picture) => {
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
