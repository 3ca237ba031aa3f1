// The stage: pictures of all panes, arranged by the view.

import { signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import { clamp } from "../core/timeline.js";
import { columns } from "../session/arrangement.js";
import type { HeatPicture, Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";
import { plotHeight } from "./chart_view.js";
import { button, h } from "./dom.js";
import { tooltip } from "./keys.js";
import { paneHead } from "./pane_head.js";
import { differenceName, type PointedPlace, screen } from "./screen.js";
import { wipeHandle } from "./wipe_handle.js";

/** Pictures of all panes: each has its heat map, its frame alone and its difference, which are shown as the view demands. */
export function stage(session: Session): HTMLElement {
  const { state, host, until } = session;
  const { all: panes, active, next } = session.panes;
  const { mode, names, room } = session.view;
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
    const frameInView = (view: string) => isActive() && (view === "side" || (view === "wipe" && !several));
    const inView = (view: string) =>
      view === "grid" || (isActive() ? view !== "difference" : view === "wipe" && pane === next.value);
    const picture = addScreen(pane, i, inView, name);
    picture.addEventListener("pointerdown", () => mode.peek() === "grid" && choose());
    watch(until, () => {
      heading.textContent = readable(name());
      heading.title = tooltip(readable(name()), "pane", 0);
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
    const head = several && paneHead(session, pane, i, heading);
    return h("div", { class: "staa-pane" }, head, addScreen(pane, i, frameInView, null), picture, differencePicture);
  };
  const toast = h("div", { class: "staa-toast", role: "status" });
  const share = signal(50);
  const element = h("div", {}, ...panes.map(paneElement), wipeHandle(session, share), toast);

  // One shape for all cells of the grid: the geometric mean.
  const shapeOf = ({ size: [width, height] }: Pane) => width / height;
  const shape = panes.reduce((product, pane) => product * shapeOf(pane), 1) ** (1 / panes.length);
  const frame = h("div", {}, element);
  const measure = () => {
    // Below the pictures lie the controls and the chart.
    const controls = 300 + plotHeight(panes.length);
    const screenHeight = Math.min(0.62 * innerHeight, innerHeight - controls);
    room.value = { width: frame.clientWidth, height: state.height.value || clamp(screenHeight, 220, 900) };
  };
  watch(until, measure);
  const observer = new ResizeObserver(measure);
  observer.observe(frame);
  addEventListener("resize", measure, { signal: until });
  until.addEventListener("abort", () => observer.disconnect());
  watch(until, () => {
    const wide = Math.max(shapeOf(active.value), shapeOf(next.value));
    const across = columns(panes.length, shape, room.value);
    const down = Math.ceil(panes.length / across);
    element.className = `staa-stage staa-${mode.value}${several ? " staa-several" : ""}`;
    element.style.cssText = `--staa-shape:${shape};--staa-across:${across};--staa-down:${down};--staa-panes:${panes.length};--staa-wide:${wide};--staa-share:${share.value / 100};--staa-height:${room.value.height}px`;
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
  return frame;
}
