// The patch whose attention an explanation or a request is about, and its description.

import { PATCH_METHOD } from "../core/generated.js";
import type { Json } from "../core/json.js";

/** Slice, row and column, counted from 0. */
export type Patch = readonly [slice: number, row: number, column: number];

/** The parts of an explanation, or of a request, that name a patch. */
interface PatchSource {
  method?: string;
  params?: { [name: string]: Json };
  grid?: Patch;
}

/** The patch of an explanation or a request, by default the one in the middle; `null` for other methods. */
export function patchOf({ method, params, grid }: PatchSource): Patch | null {
  if (method !== PATCH_METHOD) return null;
  return ((params?.patch ?? grid?.map((count) => count >> 1)) as Patch | undefined) ?? null;
}

/** Describe the patch of an explanation or a request; empty for other methods. */
export function describePatch(source: PatchSource): string {
  const patch = patchOf(source);
  if (!patch) return "";
  const [slice, row, column] = patch.map((index) => index + 1);
  return `attention of the patch at row ${row}, column ${column}, slice ${slice}`;
}
