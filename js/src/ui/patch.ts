import type { Shown } from "../pane.js";

type Laid = Pick<Shown, "size" | "box" | "heat">;

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
  const outside = column < 0 || row < 0 || column >= columns || row >= rows;
  return outside ? null : [row, column];
}

/** Set an element over a patch. */
export function placePatch(element: HTMLElement, pane: Laid, [row, column]: readonly [number, number]): void {
  const { box, heat } = pane;
  const width = (box[2] - box[0]) / heat.peek().columns;
  const height = (box[3] - box[1]) / heat.peek().rows;
  const [x, y] = [box[0] + column * width, box[1] + row * height];
  place(element, pane, [x, y, x + width, y + height]);
}

/** Set an element over a rectangle given in pixels of the picture. */
export function place(
  element: HTMLElement,
  { size }: Pick<Shown, "size">,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
): void {
  const [left, top] = [Math.max(x0, 0), Math.max(y0, 0)];
  element.style.left = `${(100 * left) / size[0]}%`;
  element.style.top = `${(100 * top) / size[1]}%`;
  element.style.width = `${(100 * (Math.min(x1, size[0]) - left)) / size[0]}%`;
  element.style.height = `${(100 * (Math.min(y1, size[1]) - top)) / size[1]}%`;
}
