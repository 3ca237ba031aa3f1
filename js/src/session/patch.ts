// The patch whose attention an explanation or a request is about, and its description.

import { PATCH_METHOD } from "../core/generated.js";
import type { Json } from "../core/json.js";

/** Slice, row and column, counted from 0. */
export type Patch = readonly [slice: number, row: number, column: number];

interface Asked {
  method?: string;
  params?: { [name: string]: Json };
  grid?: Patch;
}

/** The patch that an explanation, or a wish, is about; `null` where it is about none. */
export function patchOf({ method, params, grid }: Asked): Patch | null {
  if (method !== PATCH_METHOD) return null;
  return ((params?.patch ?? grid?.map((count) => count >> 1)) as Patch | undefined) ?? null;
}

/** That patch in words; empty where there is none. */
export function patchWords(asked: Asked): string {
  const patch = patchOf(asked);
  if (!patch) return "";
  const [slice, row, column] = patch.map((index) => index + 1);
  return `attention of the patch at row ${row}, column ${column}, slice ${slice}`;
}
