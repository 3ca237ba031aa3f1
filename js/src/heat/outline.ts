// The outline of a ground-truth mask as an SVG path.

/** How often the outline's points are drawn towards their neighbours: enough that steps of pixels look like a line. */
const SMOOTHING = 4;

/** Colour and width of its lines, from below; whatever the picture is like, one of the two stands out from it. */
export const LINES: readonly (readonly [colour: string, width: number])[] = [
  ["rgb(0 0 0 / 0.65)", 4],
  ["#4dffa6", 1.75],
];

/**
 * The outline of a mask as a path in its pixels. It runs along the edges of the pixels inside, their steps smoothed by
 * less than half a pixel.
 *
 * @param runs `(R, 2)`, half-open runs of pixels inside, counted row by row.
 */
export function outline(runs: Int32Array, [width, height]: readonly [number, number]): string {
  const columns = width + 2;
  const inside = new Uint8Array(columns * (height + 2));
  const pixels: number[] = [];
  for (let i = 0; i < runs.length; i += 2)
    for (let pixel = runs[i]; pixel < runs[i + 1]; pixel++)
      pixels.push((Math.floor(pixel / width) + 1) * columns + (pixel % width) + 1);
  for (const pixel of pixels) inside[pixel] = 1;
  // From each corner, which has the index of the pixel below it on the right, to the next along an edge between inside and
  // outside, clockwise.
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
    // Back where it began.
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
