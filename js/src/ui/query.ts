import type { Host } from "../host.js";
import type { Pane } from "../pane.js";
import type { Json, Payload } from "../protocol.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h } from "./dom.js";
import { patchAt, placePatch } from "./patch.js";

/** The method that shows where the attention of one patch goes. */
export const QUERY = "attention_query";

/** Pixels that a pointer may wander while it is still a click. */
const STILL = 4;

/** Milliseconds in which a second click makes it a double one. */
const DOUBLE = 250;

/** Slice, row and column, counted from 0. */
type Patch = readonly [slice: number, row: number, column: number];

type Asked = { method?: string; params?: { [name: string]: Json } };

/** Players that were told that a patch cannot be asked about. */
const told = new WeakSet<Host>();

/** What was on show in a pane before a patch was asked about. */
const before = new WeakMap<Pane, Payload>();

/** The patch that an explanation, or a wish, is about; `null` where it is about none. */
export const patchOf = ({ method, params }: Asked): Patch | null =>
  method === QUERY && Array.isArray(params?.query) ? (params.query as unknown as Patch) : null;

/** That patch in words; empty where there is none. */
export function patchWords(asked: Asked): string {
  const [slice, row, column] = patchOf(asked)?.map((index) => index + 1) ?? [];
  return slice ? `attention of the patch at row ${row}, column ${column}, slice ${slice}` : "";
}

/** Ask where the attention of a patch goes by a click on it, and mark the patch that is on show. */
export function query(session: Session, pane: Pane, picture: HTMLElement): HTMLElement {
  const { active, panes, host, until } = session;
  const ask = (patch: readonly [number, number]) => {
    const { kernel, work } = host;
    const methods = pane.meta.peek().methods;
    const why = !kernel.computes.peek()
      ? kernel.why.peek() || "To see where the attention of a patch goes, open this in a notebook"
      : methods.some(({ group }) => group === "attention")
        ? ""
        : "This model shows no attention of its patches";
    if (!why) {
      const params = { query: [pane.slice.peek(), ...patch] };
      work.ask({ method: QUERY, params, pane: panes.indexOf(pane) });
    } else if (!told.has(host)) {
      told.add(host);
      session.say(why);
    }
  };

  // Only a click on the active pane asks: one on another chooses that pane, and a drag is no click at all.
  let began: PointerEvent | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  until.addEventListener("abort", () => clearTimeout(timer));
  picture.addEventListener(
    "pointerdown",
    (event) => {
      began = pane === active.peek() && event.button === 0 && event.target instanceof HTMLCanvasElement ? event : null;
    },
    true,
  );
  picture.addEventListener("click", (event) => {
    clearTimeout(timer);
    const still = began && Math.hypot(event.clientX - began.clientX, event.clientY - began.clientY) <= STILL;
    const { patch } = patchAt(pane, picture, event);
    if (still && patch && event.detail === 1) timer = setTimeout(ask, DOUBLE, patch);
  });

  const mark = h("div", { class: "staa-cell staa-asked" }, h("span", {}, "query"));
  let shown = pane.payload.peek();
  watch(until, () => {
    const now = pane.payload.value;
    if (patchOf(now.meta) && !patchOf(shown.meta)) before.set(pane, shown);
    shown = now;
  });
  watch(until, () => {
    const [slice, ...patch] = patchOf(pane.meta.value) ?? [-1];
    mark.hidden = slice < 0;
    if (slice < 0) return;
    placePatch(mark, pane, patch as unknown as [number, number]);
    mark.toggleAttribute("data-elsewhen", slice !== pane.slice.value);
  });
  return mark;
}

/** Go back from a patch to what was shown before, or stop computing one; `false` where there is none. */
export function leaveQuery({ active, host: { work, kernel }, state }: Session): unknown {
  if (patchOf(work.running.peek()?.wish ?? {})) return work.cancel();
  const pane = active.peek();
  if (!patchOf(pane.meta.peek())) return false;
  if (/none|gone/.test(kernel.state.peek())) {
    // Nobody is there to bring it back, but it was kept.
    const payload = before.get(pane);
    if (!payload) return false;
    pane.payload.value = payload;
  }
  state.query.value = null;
  return undefined;
}
