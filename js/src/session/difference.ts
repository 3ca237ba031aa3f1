// The difference of two panes: their maps on a common grid, subtracted.

import { computed } from "@preact/signals-core";
import { DIVERGING } from "../core/generated.js";
import type { State } from "../core/settings.js";
import { mapAt } from "../heat/maps.js";
import { sortedMagnitudes } from "../heat/refine.js";
import { taps } from "../render/interpolate.js";
import { type Box, type HeatPicture, type Pane, withOverlay } from "./pane.js";

/** A grid of cells over a part of a picture. */
export interface Grid {
  /** Number of cells across and down. */
  readonly cells: readonly number[];
  readonly box: Box;
}

const cellOf = ({ cells, box }: Grid, side: number) => (box[side + 2] - box[side]) / cells[side];

/** A grid over the part that two grids share, with cells of the smaller size of both. */
export function commonGrid(one: Grid, other: Grid): Grid {
  const box = one.box.map((edge, i) => Math[i < 2 ? "max" : "min"](edge, other.box[i])) as unknown as Box;
  const count = (side: number) =>
    Math.max(1, Math.round((box[side + 2] - box[side]) / Math.min(cellOf(one, side), cellOf(other, side))));
  return { cells: [count(0), count(1)], box };
}

/** Interpolate a map linearly at the cell centers of another grid inside of its own. */
export function resample(map: Float32Array, from: Grid, to: Grid): Float32Array {
  const [across, down] = to.cells.map((count, side) => {
    const place = (edge: number) => (from.box[edge] - to.box[side]) / cellOf(to, side);
    return taps(count, place(side), place(side + 2), from.cells[side], false);
  });
  const [columns, rows] = to.cells;
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const [x, y] = [i % columns, Math.floor(i / columns)];
    const at = (row: number) => {
      const first = row * from.cells[0];
      return mix(map[first + across.first[x]], map[first + across.second[x]], across.position[x]);
    };
    return mix(at(down.first[y]), at(down.second[y]), down.position[y]);
  });
}

const mix = (one: number, other: number, share: number) => one + (other - one) * share;

/** The heat of one pane minus that of another of the same clip, each divided by its own maximum over the clip. */
export function differenceOf(one: Pane, other: Pane, state: State): HeatPicture {
  const [oneGrid, otherGrid] = [one, other].map(
    ({ layout, box }): Grid => ({ cells: layout.grid.slice(1).reverse(), box }),
  );
  const grid = commonGrid(oneGrid, otherGrid);
  const [columns, rows] = grid.cells;
  const subtract = (map: Float32Array, less: Float32Array) => {
    const lower = resample(less, otherGrid, grid);
    return resample(map, oneGrid, grid).map((value, i) => value - lower[i]);
  };
  const source = {
    ...one,
    isDifference: true,
    box: grid.box,
    map: computed(() => subtract(one.map.value, other.map.value)),
    heat: computed(() => {
      // One position for each pair of slices that are shown together.
      const pairs = new Map(one.timeline.slices.map((slice, i) => [`${slice} ${other.timeline.slices[i]}`, i]));
      const at = ({ heat, timeline }: Pane, moment: number) => mapAt(heat.value, timeline.hold(moment));
      const values = Float32Array.from([...pairs.values()].flatMap((i) => [...subtract(at(one, i), at(other, i))]));
      return { ...one.heat.value, values, sorted: sortedMagnitudes(values), rows, columns, signed: true };
    }),
    colorTable: computed(() => one.payload.value.colormaps.get(DIVERGING)!),
    // Two signed maps can be as far as 2 apart.
    colorMax: computed(() => (one.heat.value.signed || other.heat.value.signed ? 2 : 1)),
  };
  return withOverlay(source, state);
}
