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
  for (let i = 0; i < runs.length; i += 2) {
    for (let pixel = runs[i]; pixel < runs[i + 1]; pixel++) {
      inside[(Math.floor(pixel / width) + 1) * columns + (pixel % width) + 1] = 1;
    }
  }
  // The middles of the edges between inside and outside, in half pixels; around each corner of four pixels two of them
  // are neighbours, so each has one on either side.
  const wide = 2 * columns;
  const neighbours = new Map<number, number[]>();
  const from = Math.floor((runs[0] ?? 0) / width);
  const to = runs.length ? Math.floor((runs[runs.length - 1] - 1) / width) + 1 : -1;
  for (let y = from; y <= to; y++) {
    for (let x = 0; x <= width; x++) {
      const at = y * columns + x;
      const [a, b, d, c] = [inside[at], inside[at + 1], inside[at + columns], inside[at + columns + 1]];
      if (a === b && b === c && c === d) continue;
      const corner = (2 * y + 1) * wide + 2 * x + 1;
      const ends: number[] = [];
      if (a !== b) ends.push(corner - wide);
      if (b !== c) ends.push(corner + 1);
      if (c !== d) ends.push(corner + wide);
      if (d !== a) ends.push(corner - 1);
      for (const [i, end] of ends.entries()) neighbours.set(end, [...(neighbours.get(end) ?? []), ends[i ^ 1]]);
    }
  }
  let path = "";
  while (neighbours.size > 0) {
    let line: [number, number][] = [];
    let [end] = neighbours.keys();
    for (let next: number | undefined = end; next !== undefined; ) {
      end = next;
      line.push([((end % wide) - 1) / 2, (Math.floor(end / wide) - 1) / 2]);
      const around: number[] = neighbours.get(end)!;
      neighbours.delete(end);
      next = around.find((other) => neighbours.has(other));
    }
    for (let i = 0; i < SMOOTHING; i++) line = smoothed(line);
    path += `M${line.map((point) => point.map((value) => value.toFixed(2)).join(" ")).join("L")}Z`;
  }
  return path;
}

function smoothed(line: [number, number][]): [number, number][] {
  return line.map(([x, y], i) => {
    const [before, after] = [line.at(i - 1)!, line[(i + 1) % line.length]];
    return [(2 * x + before[0] + after[0]) / 4, (2 * y + before[1] + after[1]) / 4];
  });
}
