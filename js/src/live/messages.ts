// Messages between the live widget and the kernel, as `live_video/player.py` sends and reads them.

/** The constant values of the widget. */
export interface LiveSettings {
  source: string;
  /** Whether the source is the camera of this page. */
  camera: boolean;
  fps: number;
  method: string;
  model: string;
  opacity: number;
  gamma: number;
  signed: boolean;
  /** Seconds that the button records. */
  record: number;
}

export type State = "idle" | "starting" | "running" | "waiting" | "stopped" | "ended" | "failed";

/** The map of the newest slice of a window. */
export interface MapMessage {
  op: "map";
  id: number;
  /** When its frame was captured, by the clock of the frames. */
  time: number;
  /** Seconds since then, when the message was sent. */
  age: number;
  rows: number;
  columns: number;
  top: number;
  box: [number, number, number, number];
  size: [number, number];
  label: string;
  probability: number;
  share: number;
  /** What a reader must know before believing the map; may be empty. */
  notice: string;
}

export type KernelMessage =
  | MapMessage
  | { op: "frame"; id: number; time: number; age: number }
  | { op: "ack"; id: number }
  | { op: "status"; state: State; text: string; stats: string }
  | { op: "error" | "recorded"; text: string };

/** Send a message to the kernel, with binary parts. */
export type Send = (content: Record<string, unknown>, buffers?: ArrayBuffer[]) => void;

/** Seconds of the clock of this page. */
export const now = (): number => performance.now() / 1000;
