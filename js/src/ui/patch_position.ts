// Positions of patches: the patch under a pointer, and elements placed over a patch.

import type { HeatPicture } from "../session/pane.js";

/** The part of a picture that determines the places of patches. */
type PatchLayout = Pick<HeatPicture, "size" | "box" | "heat">;

/** The place of a pointer in the picture and the patch there; `null` outside of the crop that the model saw. */
export function patchAt(
  pane: PatchLayout,
  picture: HTMLElement,
  event: MouseEvent,
): { x: number; y: number; patch: [row: number, column: number] | null } {
  const { left, top, width, height } = picture.getBoundingClientRect();
  const [x, y] = [(event.clientX - left) / width, (event.clientY - top) / height];
  return { x, y, patch: patchOn(pane, x, y) };
}

/** The patch at a place, given in shares of the picture. */
export function patchOn({ size, box, heat }: PatchLayout, x: number, y: number): [row: number, column: number] | null {
  const { rows, columns } = heat.peek();
  const column = Math.floor(((x * size[0] - box[0]) / (box[2] - box[0])) * columns);
  const row = Math.floor(((y * size[1] - box[1]) / (box[3] - box[1])) * rows);
  return column < 0 || row < 0 || column >= columns || row >= rows ? null : [row, column];
}

/** Place an element over a patch. */
export function placePatch(element: HTMLElement, pane: PatchLayout, [row, column]: readonly [number, number]): void {
  const { rows, columns } = pane.heat.peek();
  const [x, y, right, bottom] = pane.box;
  const [width, height] = [(right - x) / columns, (bottom - y) / rows];
  const [left, top] = [x + column * width, y + row * height];
  placeRectangle(element, pane, [left, top, left + width, top + height]);
}

/** Place an element over a rectangle in pixels of the picture, cut to the picture. */
export function placeRectangle(
  element: HTMLElement,
  { size: [width, height] }: Pick<HeatPicture, "size">,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
): void {
  const away = [y0 / height, 1 - x1 / width, 1 - y1 / height, x0 / width];
  element.style.inset = away.map((share) => `${Math.max(100 * share, 0)}%`).join(" ");
}
