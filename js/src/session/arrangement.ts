// How pictures are arranged in the room that the page leaves them.

/** The room for pictures, in CSS pixels. */
export interface Room {
  readonly width: number;
  readonly height: number;
}

/** Height in pixels of the strip with the name over each of several panes. */
export const STRIP = 28;

/** The least width of a picture among others, in pixels. */
const LEAST_WIDTH = 130;

/** Frame and heat map stand side by side if each keeps this part of the height that one alone would have. */
const KEPT_HEIGHT = 0.8;

/** Height of the pictures in a row of `across`, in `down` rows; `shape` is the width of a picture divided by its height. */
const heightOf = (across: number, down: number, shape: number, { width, height }: Room) =>
  Math.min(width / across / shape, (height + STRIP) / down - STRIP);

/** Number of panes in a row, chosen so that pictures of this shape are as large as possible. */
export function columns(panes: number, shape: number, room: Room): number {
  let best = 1;
  let highest = 0;
  for (let across = 1; across <= panes; across++) {
    const height = heightOf(across, Math.ceil(panes / across), shape, room);
    if (height <= highest || (across > 1 && room.width / across < LEAST_WIDTH)) continue;
    [best, highest] = [across, height];
  }
  return best;
}

/** Whether a frame and its heat map side by side fill the room better than the heat map alone. */
export const fitsSideBySide = (shape: number, room: Room): boolean =>
  heightOf(2, 1, shape, room) >= KEPT_HEIGHT * heightOf(1, 1, shape, room);
