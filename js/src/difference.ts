import { atOrBefore, type Clock } from "./clock.js";
import type { Heat } from "./heat/maps.js";
import { quantile, strengths } from "./heat/refine.js";
import { overlayOf, type Pane, type Shown } from "./pane.js";
import type { Meta } from "./protocol.js";
import type { Overlay } from "./render/composite.js";
import { computed, type ReadonlySignal } from "./signals.js";
import type { State } from "./state.js";

/** Cells over a part of a picture. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly box: readonly [x0: number, y0: number, x1: number, y1: number];
}

/** What both grids cover, in cells like the smaller of theirs. */
export function commonGrid(one: Grid, other: Grid): Grid {
  const [p, q] = [one.box, other.box];
  const box = [Math.max(p[0], q[0]), Math.max(p[1], q[1]), Math.min(p[2], q[2]), Math.min(p[3], q[3])] as const;
  const count = (side: 0 | 1) => {
    const cell = Math.min(...[one, other].map((grid) => cellOf(grid, side)));
    return Math.max(1, Math.round((box[side + 2] - box[side]) / cell));
  };
  return { rows: count(1), columns: count(0), box };
}

const cellsOf = ({ rows, columns }: Grid, side: 0 | 1) => (side ? rows : columns);
const cellOf = (grid: Grid, side: 0 | 1) => (grid.box[side + 2] - grid.box[side]) / cellsOf(grid, side);

/** Read a map at the middles of another grid's cells, linear between the middles of its own. */
export function resample(map: Float32Array, from: Grid, to: Grid): Float32Array {
  const [across, down] = [taps(from, to, 0), taps(from, to, 1)];
  const result = new Float32Array(to.rows * to.columns);
  for (const [y, [above, below, v]] of down.entries()) {
    for (const [x, [left, right, u]] of across.entries()) {
      const at = (row: number) => {
        const first = map[row * from.columns + left];
        return first + (map[row * from.columns + right] - first) * u;
      };
      result[y * to.columns + x] = at(above) + (at(below) - at(above)) * v;
    }
  }
  return result;
}

/** For each cell of `to` along a side: the two cells of `from` it lies between, and how far along. */
function taps(from: Grid, to: Grid, side: 0 | 1): [first: number, second: number, mix: number][] {
  const last = cellsOf(from, side) - 1;
  return Array.from({ length: cellsOf(to, side) }, (_, i) => {
    const middle = to.box[side] + (i + 0.5) * cellOf(to, side);
    const at = Math.min(Math.max((middle - from.box[side]) / cellOf(from, side) - 0.5, 0), last);
    const first = Math.floor(at);
    return [first, Math.min(first + 1, last), at - first];
  });
}

/** A stretch of time in which neither pane changes its slice. */
export interface Stretch {
  readonly span: readonly [start: number, end: number];
  readonly slices: readonly [one: number, other: number];
}

/** What one pane shows less what another of the same clip shows, each over its own clip's greatest magnitude. */
export class Difference implements Shown {
  readonly one: Pane;
  readonly other: Pane;
  readonly meta: ReadonlySignal<Meta>;
  readonly clock: Clock;
  readonly position: ReadonlySignal<number>;
  readonly size: readonly [number, number];
  readonly box: readonly [number, number, number, number];
  readonly cropped: boolean;
  readonly outline: ReadonlySignal<string>;
  readonly table: ReadonlySignal<Uint8Array>;
  readonly map: ReadonlySignal<Float32Array>;
  /** Of the whole clip, a map for each stretch of time; `temporal` is the difference of the shares. */
  readonly heat: ReadonlySignal<Heat>;
  readonly stretches: readonly Stretch[];
  readonly cut: ReadonlySignal<number>;
  /** The greatest difference that there could be. */
  readonly reach: ReadonlySignal<number>;
  readonly overlay: ReadonlySignal<Overlay>;

  constructor(one: Pane, other: Pane, state: State) {
    this.one = one;
    this.other = other;
    this.meta = one.meta;
    this.clock = one.clock;
    this.position = one.position;
    this.size = one.size;
    this.outline = one.outline;
    const [p, q] = [gridOf(one), gridOf(other, one.size)];
    const grid = commonGrid(p, q);
    const { rows, columns, box } = grid;
    this.box = box;
    const [width, height] = one.size;
    this.cropped = box[0] > 0.5 || box[1] > 0.5 || box[2] < width - 0.5 || box[3] < height - 0.5;
    const subtract = (map: Float32Array, less: Float32Array) => {
      const taken = resample(less, q, grid);
      return resample(map, p, grid).map((value, i) => value - taken[i]);
    };
    this.stretches = stretchesOf(one, other);
    this.map = computed(() => subtract(one.map.value, other.map.value));
    this.heat = computed(() => {
      const [a, b] = [one.heat.value, other.heat.value];
      const slice = ({ values, rows, columns }: Heat, s: number) =>
        values.subarray(s * rows * columns, (s + 1) * rows * columns);
      const values = new Float32Array(this.stretches.length * rows * columns);
      const temporal = new Float32Array(this.stretches.length);
      for (const [i, { span, slices }] of this.stretches.entries()) {
        values.set(subtract(slice(a, slices[0]), slice(b, slices[1])), i * rows * columns);
        const share = (pane: Pane, s: number) => {
          const [start, end] = pane.film.spans[s];
          return (pane.heat.value.temporal[s] * (span[1] - span[0])) / (end - start);
        };
        temporal[i] = share(one, slices[0]) - share(other, slices[1]);
      }
      const sorted = strengths(values);
      return { values, scale: 1, sorted, rows, columns, signed: true, temporal, temporalSigned: temporal };
    });
    this.cut = computed(() =>
      state.threshold.value > 0 ? quantile(this.heat.value.sorted, state.threshold.value) : 0,
    );
    this.table = computed(() => one.payload.value.colours.get("diverging")!);
    // Two signed maps can be as far as 2 apart.
    this.reach = computed(() => (one.heat.value.signed || other.heat.value.signed ? 2 : 1));
    this.overlay = computed(() => overlayOf(this, state, this.reach.value));
  }
}

/** Where the cells of a pane lie in pictures of its own size, or of another. */
function gridOf({ film, box, size }: Pane, [width, height] = size): Grid {
  const [sx, sy] = [width / size[0], height / size[1]];
  return {
    rows: film.grid[1],
    columns: film.grid[2],
    box: [box[0] * sx, box[1] * sy, box[2] * sx, box[3] * sy],
  };
}

function stretchesOf(one: Pane, other: Pane): Stretch[] {
  const starts = [one, other].map(({ film }) => film.spans.map(([start]) => start));
  const edges = [...new Set(starts.flat())].sort((a, b) => a - b);
  const slices = (time: number) => [atOrBefore(starts[0], time), atOrBefore(starts[1], time)] as const;
  return edges.map((start, i) => ({ span: [start, edges[i + 1] ?? one.clock.end], slices: slices(start) }));
}
