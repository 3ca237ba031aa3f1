// The outline of a ground-truth mask as an SVG path.

/** Number of smoothing passes: enough that the steps of pixels look like a line. */
const SMOOTHING = 4;

/** Color and width of the two lines, the lower one first: a dark and a bright one, so that one of them is visible. */
export const OUTLINE_STROKES: readonly (readonly [color: string, width: number])[] = [
  ["rgb(0 0 0 / 0.65)", 4],
  ["#4dffa6", 1.75],
];

/**
 * The outline of a mask as an SVG path in its pixels, along pixel edges, smoothed by less than half a pixel.
 *
 * @param runs `(R, 2)`, half-open runs of the mask's pixels, counted row by row.
 */
export function outlineOf(runs: Int32Array, [width, height]: readonly [number, number]): string {
  const columns = width + 2;
  const inside = new Uint8Array(columns * (height + 2));
  const pixels: number[] = [];
  for (let i = 0; i < runs.length; i += 2)
    for (let pixel = runs[i]; pixel < runs[i + 1]; pixel++)
      pixels.push((Math.floor(pixel / width) + 1) * columns + (pixel % width) + 1);
  for (const pixel of pixels) inside[pixel] = 1;
  // Edges between inside and outside, clockwise, from corner to corner. A corner has the index of the pixel to its lower right.
  const next = new Map<number, number[]>();
  const edge = (outside: number, from: number, to: number) => {
    if (!inside[outside]) next.set(from, [...(next.get(from) ?? []), to]);
  };
  for (const pixel of pixels) {
    const below = pixel + columns;
    edge(pixel - columns, pixel, pixel + 1);
    edge(pixel + 1, pixel + 1, below + 1);
    edge(below, below + 1, below);
    edge(pixel - 1, below, pixel);
  }
  let path = "";
  for (const start of next.keys()) {
    let line: [number, number][] = [];
    for (let at: number | undefined = start; at !== undefined; at = next.get(at)?.pop())
      line.push([(at % columns) - 1, Math.floor(at / columns) - 1]);
    // The last point is the first one again.
    line.pop();
    for (let i = 0; i < SMOOTHING; i++) line = smoothed(line);
    if (line.length) path += `M${line.map((point) => point.map((value) => value.toFixed(2)).join(" ")).join("L")}Z`;
  }
  return path;
}

const smoothed = (line: [number, number][]): [number, number][] =>
  line.map(([x, y], i) => {
    const [before, after] = [line.at(i - 1)!, line[(i + 1) % line.length]];
    return [(2 * x + before[0] + after[0]) / 4, (2 * y + before[1] + after[1]) / 4];
  });
