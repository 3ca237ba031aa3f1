// The stage: pictures of all panes, arranged by the view.

import { signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import type { HeatPicture, Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";
import { button, h } from "./dom.js";
import { differenceName, type PointedPlace, screen } from "./screen.js";
import { tooltip } from "./shortcuts.js";
import { wipeHandle } from "./wipe_handle.js";

/** The panes as the view has them: all of them, one, one beside its frame or over another, or what is between two. */
export function stage(session: Session): HTMLElement {
  const { state, host, until } = session;
  const { all: panes, active, next } = session.panes;
  const { mode, names } = session.view;
  const several = panes.length > 1;
  const pointed = signal<PointedPlace | null>(null);
  const add = (pane: HeatPicture, i: number, visible: (way: string) => boolean, whose: (() => string) | null) =>
    screen(session, pane, session.panes.pictures[i], () => visible(mode.value), pointed, whose);
  const cell = (pane: Pane, i: number) => {
    const here = () => pane === active.value;
    const name = () => names.value[i];
    const choose = () => {
      state.pane.value = i;
    };
    const heading = button("", choose, "staa-trim staa-tab");
    heading.hidden = !several;
    const alone = (way: string) => here() && (way === "side" || (way === "wipe" && !several));
    const among = (way: string) =>
      way === "grid" || (here() ? way !== "difference" : way === "wipe" && pane === next.value);
    const drawn = add(pane, i, among, name);
    drawn.addEventListener("pointerdown", () => mode.peek() === "grid" && choose());
    watch(until, () => {
      heading.textContent = name();
      heading.title = tooltip(name(), "pane", 0);
      heading.setAttribute("aria-pressed", `${here()}`);
      heading.toggleAttribute("data-busy", host.computation.running.value?.request.pane === i);
      // It lies over the other one.
      drawn.classList.toggle("staa-upper", mode.value === "wipe" && here() !== several);
    });
    const less = session.panes.differences[i];
    const taken =
      less &&
      add(
        less,
        i,
        (way) => here() && way === "difference",
        () => differenceName(session),
      );
    return h("div", { class: "staa-pane" }, heading, add(pane, i, alone, null), drawn, taken);
  };
  const toast = h("div", { class: "staa-toast", role: "status" });
  const share = signal(50);
  const element = h("div", {}, ...panes.map(cell), wipeHandle(session, share), toast);

  // Of the cells of a grid: between the widest and the tallest.
  const shapeOf = ({ size: [width, height] }: Pane) => width / height;
  const shape = panes.reduce((product, pane) => product * shapeOf(pane), 1) ** (1 / panes.length);
  const across = columns(panes.length, shape);
  const down = Math.ceil(panes.length / across);
  watch(until, () => {
    const wide = Math.max(shapeOf(active.value), shapeOf(next.value));
    const height = state.height.value ? `--staa-height:${state.height.value}px` : "";
    element.className = `staa-stage staa-${mode.value}${several ? " staa-several" : ""}`;
    element.style.cssText = `--staa-shape:${shape};--staa-across:${across};--staa-down:${down};--staa-panes:${panes.length};--staa-wide:${wide};--staa-share:${share.value / 100};${height}`;
  });

  let quiet: ReturnType<typeof setTimeout> | undefined;
  watch(until, () => {
    toast.textContent = host.notice.value.text;
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      toast.textContent = "";
    }, 2500);
  });
  until.addEventListener("abort", () => clearTimeout(quiet));
  return element;
}

/** How many panes stand side by side where there is room, so that pictures of this shape come out large. */
export const columns = (panes: number, shape: number): number =>
  panes < 3 || shape < (panes === 3 ? 1.15 : 0.85) ? panes : 2;
