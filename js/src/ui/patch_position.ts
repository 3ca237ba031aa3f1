// Positions of patches: the patch under a pointer, and elements placed over a patch.

import type { HeatPicture } from "../session/pane.js";

type Laid = Pick<HeatPicture, "size" | "box" | "heat">;

/** The patch of a pane under a pointer, and where the pointer is in the picture; no patch where the model saw nothing. */
export function patchAt(
  pane: Laid,
  picture: HTMLElement,
  event: MouseEvent,
): { x: number; y: number; patch: [row: number, column: number] | null } {
  const { left, top, width, height } = picture.getBoundingClientRect();
  const [x, y] = [(event.clientX - left) / width, (event.clientY - top) / height];
  return { x, y, patch: patchOn(pane, x, y) };
}

/** The patch at a place given in shares of the picture. */
export function patchOn({ size, box, heat }: Laid, x: number, y: number): [row: number, column: number] | null {
  const { rows, columns } = heat.peek();
  const column = Math.floor(((x * size[0] - box[0]) / (box[2] - box[0])) * columns);
  const row = Math.floor(((y * size[1] - box[1]) / (box[3] - box[1])) * rows);
  return column < 0 || row < 0 || column >= columns || row >= rows ? null : [row, column];
}

/** Set an element over a patch. */
export function placePatch(element: HTMLElement, pane: Laid, [row, column]: readonly [number, number]): void {
  const { rows, columns } = pane.heat.peek();
  const [x, y, right, bottom] = pane.box;
  const [width, height] = [(right - x) / columns, (bottom - y) / rows];
  const [left, top] = [x + column * width, y + row * height];
  placeRectangle(element, pane, [left, top, left + width, top + height]);
}

/** Set an element over a rectangle given in pixels of the picture, or the part of it that is inside. */
export function placeRectangle(
  element: HTMLElement,
  { size: [width, height] }: Pick<HeatPicture, "size">,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
): void {
  const away = [y0 / height, 1 - x1 / width, 1 - y1 / height, x0 / width];
  element.style.inset = away.map((share) => `${Math.max(100 * share, 0)}%`).join(" ");
}
