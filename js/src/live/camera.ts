// The camera of this page: started by a click, sent as JPEG pictures with at most two on their way, and freed at the end.

import { now } from "./messages.js";

const MAX_SIDE = 480;
const MAX_IN_FLIGHT = 2;
const QUALITY = 0.75;
/** Frames a second of the camera: few, because each costs time, but a frame is then at most this old. */
const FRAME_RATE = 15;

/** What to do where the page has no camera. */
const ELSEWHERE =
  "Give live() another source: '/dev/video0' for a camera of the computer that runs Python, an address such as 'rtsp://…', a file, or an iterator of frames.";

/** Why this page cannot use a camera, in a sentence; empty if it may try. */
export function unavailable(): string {
  const policy = (document as unknown as { featurePolicy?: { allowsFeature(name: string): boolean } }).featurePolicy;
  if (!window.isSecureContext) return `Browsers allow a camera only on https and on localhost. ${ELSEWHERE}`;
  if (!navigator.mediaDevices?.getUserMedia) return `This page has no access to a camera. ${ELSEWHERE}`;
  if (policy && !policy.allowsFeature("camera"))
    return `This page is shown in a frame that forbids the camera, as in VS Code. ${ELSEWHERE}`;
  return "";
}

function explain(error: unknown): string {
  const name = (error as DOMException | undefined)?.name;
  if (name === "NotAllowedError")
    return `The camera was not allowed. Allow it in the browser and click again. ${ELSEWHERE}`;
  if (name === "NotFoundError") return `This computer has no camera. ${ELSEWHERE}`;
  return `The camera cannot be opened (${name ?? "unknown error"}). ${ELSEWHERE}`;
}

/** A picture of the camera, and when it was taken. */
export type Captured = (picture: ImageBitmap, jpeg: ArrayBuffer, id: number, time: number) => void;

export class Camera {
  #stream: MediaStream | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #inFlight = new Set<number>();
  #busy = false;
  #next = 0;
  /** Pictures that were not taken because two were on their way. */
  dropped = 0;

  /** Start the camera; return a sentence about the failure, or an empty string. `lost` is called if it is unplugged. */
  async start(fps: number, captured: Captured, lost: () => void): Promise<string> {
    const reason = unavailable();
    if (reason) return reason;
    try {
      const video = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: FRAME_RATE } };
      this.#stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch (error) {
      return explain(error);
    }
    const element = document.createElement("video");
    Object.assign(element, { srcObject: this.#stream, muted: true, playsInline: true });
    this.#stream.getTracks()[0].addEventListener("ended", lost);
    try {
      await element.play();
    } catch (error) {
      this.stop();
      return explain(error);
    }
    this.#inFlight.clear();
    // The blob of a canvas in the document is made when the page is idle, which on a busy computer is late.
    const canvas = new OffscreenCanvas(1, 1);
    this.#timer = setInterval(() => void this.#capture(element, canvas, captured), 1000 / fps);
    return "";
  }

  /** Free the camera. */
  stop(): void {
    clearInterval(this.#timer);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }

  /** The kernel has taken a picture. */
  acknowledge(id: number): void {
    this.#inFlight.delete(id);
  }

  async #capture(element: HTMLVideoElement, canvas: OffscreenCanvas, captured: Captured): Promise<void> {
    if (!element.videoWidth) return;
    if (this.#busy || this.#inFlight.size >= MAX_IN_FLIGHT) {
      this.dropped++;
      return;
    }
    this.#busy = true;
    try {
      const time = now();
      const scale = Math.min(1, MAX_SIDE / Math.max(element.videoWidth, element.videoHeight));
      canvas.width = Math.round(element.videoWidth * scale);
      canvas.height = Math.round(element.videoHeight * scale);
      canvas.getContext("2d")!.drawImage(element, 0, 0, canvas.width, canvas.height);
      const [picture, blob] = await Promise.all([
        createImageBitmap(canvas),
        canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY }),
      ]);
      const jpeg = await blob.arrayBuffer();
      if (!this.#stream) {
        picture.close();
        return;
      }
      const id = this.#next++;
      this.#inFlight.add(id);
      captured(picture, jpeg, id, time);
    } finally {
      this.#busy = false;
    }
  }
}
