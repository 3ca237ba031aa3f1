// The stage: pictures of all panes, arranged by the view.

import { signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import type { HeatPicture, Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";
import { button, h } from "./dom.js";
import { tooltip } from "./keys.js";
import { differenceName, type PointedPlace, screen } from "./screen.js";
import { wipeHandle } from "./wipe_handle.js";

/** Pictures of all panes: each has its heat map, its frame alone and its difference, which are shown as the view demands. */
export function stage(session: Session): HTMLElement {
  const { state, host, until } = session;
  const { all: panes, active, next } = session.panes;
  const { mode, names } = session.view;
  const several = panes.length > 1;
  const pointed = signal<PointedPlace | null>(null);
  const addScreen = (
    pane: HeatPicture,
    i: number,
    visible: (view: string) => boolean,
    heatName: (() => string) | null,
  ) => screen(session, pane, session.panes.pictures[i], () => visible(mode.value), pointed, heatName);
  const paneElement = (pane: Pane, i: number) => {
    const isActive = () => pane === active.value;
    const name = () => names.value[i];
    const choose = () => {
      state.pane.value = i;
    };
    const heading = button("", choose, "staa-trim staa-tab");
    heading.hidden = !several;
    const frameInView = (view: string) => isActive() && (view === "side" || (view === "wipe" && !several));
    const inView = (view: string) =>
      view === "grid" || (isActive() ? view !== "difference" : view === "wipe" && pane === next.value);
    const picture = addScreen(pane, i, inView, name);
    picture.addEventListener("pointerdown", () => mode.peek() === "grid" && choose());
    watch(until, () => {
      heading.textContent = name();
      heading.title = tooltip(name(), "pane", 0);
      heading.setAttribute("aria-pressed", `${isActive()}`);
      heading.toggleAttribute("data-busy", host.computation.running.value?.request.pane === i);
      // In the wipe view it lies over the other picture.
      picture.classList.toggle("staa-upper", mode.value === "wipe" && isActive() !== several);
    });
    const difference = session.panes.differences[i];
    const differencePicture =
      difference &&
      addScreen(
        difference,
        i,
        (view) => isActive() && view === "difference",
        () => differenceName(session),
      );
    return h("div", { class: "staa-pane" }, heading, addScreen(pane, i, frameInView, null), picture, differencePicture);
  };
  const toast = h("div", { class: "staa-toast", role: "status" });
  const share = signal(50);
  const element = h("div", {}, ...panes.map(paneElement), wipeHandle(session, share), toast);

  // One shape for all cells of the grid: the geometric mean.
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

  let hideTimer: ReturnType<typeof setTimeout> | undefined;
  watch(until, () => {
    toast.textContent = host.notice.value.text;
    clearTimeout(hideTimer);
    hideTimer = setTimeout(() => {
      toast.textContent = "";
    }, 2500);
  });
  until.addEventListener("abort", () => clearTimeout(hideTimer));
  return element;
}

/** Number of panes side by side, chosen so that pictures of this shape are large. */
export const columns = (panes: number, shape: number): number =>
  panes < 3 || shape < (panes === 3 ? 1.15 : 0.85) ? panes : 2;
