import type { Heat } from "./heat/maps.js";
import { mapAt } from "./heat/maps.js";
import { quantile, strengths } from "./heat/refine.js";
import { overlayOf, type Pane, type Shown } from "./pane.js";
import { taps } from "./render/composite.js";
import { computed, type ReadonlySignal } from "./signals.js";
import type { State } from "./state.js";

/** Cells over a part of a picture. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly box: readonly [x0: number, y0: number, x1: number, y1: number];
}

const cellsOf = ({ rows, columns }: Grid, side: 0 | 1) => (side ? rows : columns);
const cellOf = (grid: Grid, side: 0 | 1) => (grid.box[side + 2] - grid.box[side]) / cellsOf(grid, side);

/** What both grids cover, in cells like the smaller of theirs. */
export function commonGrid(one: Grid, other: Grid): Grid {
  const [p, q] = [one.box, other.box];
  const box = [Math.max(p[0], q[0]), Math.max(p[1], q[1]), Math.min(p[2], q[2]), Math.min(p[3], q[3])] as const;
  const count = (side: 0 | 1) =>
    Math.max(1, Math.round((box[side + 2] - box[side]) / Math.min(cellOf(one, side), cellOf(other, side))));
  return { rows: count(1), columns: count(0), box };
}

/** Read a map at the middles of another grid's cells, which lie inside its own, linear between the middles of those. */
export function resample(map: Float32Array, from: Grid, to: Grid): Float32Array {
  const [across, down] = ([0, 1] as const).map((side) => {
    const [start, end] = [0, 2].map((edge) => (from.box[side + edge] - to.box[side]) / cellOf(to, side));
    return taps(cellsOf(to, side), start, end, cellsOf(from, side), true);
  });
  return Float32Array.from({ length: to.rows * to.columns }, (_, i) => {
    const [x, y] = [i % to.columns, Math.floor(i / to.columns)];
    const at = (row: number) => {
      const left = map[row * from.columns + across.first[x]];
      return left + (map[row * from.columns + across.second[x]] - left) * across.mix[x];
    };
    const above = at(down.first[y]);
    return above + (at(down.second[y]) - above) * down.mix[y];
  });
}

/** What one pane shows less what another of the same clip shows, each over its own clip's greatest magnitude. */
export interface Difference extends Shown {
  readonly one: Pane;
  readonly other: Pane;
  /** The greatest difference that there could be. */
  readonly reach: ReadonlySignal<number>;
}

export const isDifference = (shown: Shown): shown is Difference => "other" in shown;

export function differenceOf(one: Pane, other: Pane, state: State): Difference {
  const [p, q] = [gridOf(one), gridOf(other, one.size)];
  const grid = commonGrid(p, q);
  const { rows, columns, box } = grid;
  const subtract = (map: Float32Array, less: Float32Array) => {
    const taken = resample(less, q, grid);
    return resample(map, p, grid).map((value, i) => value - taken[i]);
  };
  /** Each pair of slices that are on show together, at one of the positions where they are. */
  const moments = computed(() => [
    ...new Map(one.clock.slices.map((slice, at) => [`${slice} ${other.clock.slices[at]}`, at])).values(),
  ]);
  const result: Difference = {
    ...one,
    one,
    other,
    box,
    cropped: box.some((edge, i) => Math.abs(edge - [0, 0, ...one.size][i]) > 0.5),
    map: computed(() => subtract(one.map.value, other.map.value)),
    heat: computed(() => {
      const at = (pane: Pane, moment: number) => mapAt(pane.heat.value, pane.clock.held(moment));
      const maps = moments.value.map((moment) => [...subtract(at(one, moment), at(other, moment))]);
      const values = Float32Array.from(maps.flat());
      return { ...one.heat.value, values, sorted: strengths(values), rows, columns, signed: true } satisfies Heat;
    }),
    cut: computed(() => (state.threshold.value > 0 ? quantile(result.heat.value.sorted, state.threshold.value) : 0)),
    table: computed(() => one.payload.value.colours.get("diverging")!),
    // Two signed maps can be as far as 2 apart.
    reach: computed(() => (one.heat.value.signed || other.heat.value.signed ? 2 : 1)),
    overlay: computed(() => overlayOf(result, state, result.reach.value)),
  };
  return result;
}

/** Where the cells of a pane lie in pictures of its own size, or of another. */
function gridOf({ film, box, size }: Pane, onto = size): Grid {
  const [, rows, columns] = film.grid;
  const [x0, y0, x1, y1] = box.map((edge, i) => (edge * onto[i % 2]) / size[i % 2]);
  return { rows, columns, box: [x0, y0, x1, y1] };
}
