// The chart of attribution over time: puts bars, axis, readout, zoom, selection and playhead together.

import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import type { Heat } from "../heat/maps.js";
import type { Session } from "../session/session.js";
import { type DrawnBars, drawBands, drawBars } from "./chart_plot.js";
import { chartReadout } from "./chart_readout.js";
import { summary, tableRows, timeRange, totalName } from "./chart_text.js";
import { type ChartView, createChartView } from "./chart_view.js";
import { DEFINITIONS } from "./definitions.js";
import { button, h, movingMark, onDrag, svg } from "./dom.js";
import { tooltip } from "./keys.js";
import { legend } from "./legend.js";
import { term } from "./term.js";

/** Height of the time axis in pixels. */
const AXIS_HEIGHT = 22;

/** Pixels around an end of the selection in which a drag moves that end. */
const GRIP = 8;

/** With more slices than this in a pane, the chart can be zoomed. */
const ZOOM_SLICES = 24;

/** Bars of the attribution of each slice. Click or drag to seek, drag on the axis to select. */
export function chart(session: Session): { header: HTMLElement; element: HTMLElement } {
  const { until } = session;
  const { all: panes } = session.panes;
  const view = createChartView(session);
  const bands = svg("g");
  const plot = svg("g");
  const picture = svg("svg", { class: "staa-chart", height: view.plotHeight + AXIS_HEIGHT, role: "img" }, bands, plot);
  const table = h("table");
  const element = h(
    "div",
    { class: "staa-plot", wheel: onWheel(view), dblclick: () => view.zoom(Infinity) },
    picture,
    seekArea(session, view),
    selectionArea(session, view),
    h("div", { class: "staa-hidden" }, table),
    playhead(session, view),
    ...(panes.length > 1 ? panes.map((_, i) => paneButton(session, view, i)) : []),
  );
  const observer = new ResizeObserver(() => {
    view.width.value = element.clientWidth;
  });
  observer.observe(element);
  until.addEventListener("abort", () => observer.disconnect());
  watch(until, () => {
    picture.setAttribute("aria-label", summary(session));
    table.replaceChildren(...tableRows(session));
  });

  drawBands(session, view, bands);
  const drawn = drawBars(session, view, plot);
  const caption = h("span", { class: "staa-quiet" });
  watch(until, () => {
    const heats = panes.map(({ heat }) => heat.value);
    caption.textContent = captionOf(drawn.value, heats);
    caption.title = heats.some(({ signed }) => signed)
      ? "Of a map with negative values, the sum of the magnitudes in each slice, divided by that of the clip"
      : "The sum of the values in each slice, divided by that of the clip";
  });
  const zoomable = view.sliceStarts.some(({ length }) => length > ZOOM_SLICES);
  const { readout, laneReadings } = chartReadout(session, view, drawn);
  element.append(...laneReadings);
  const header = h(
    "div",
    { class: "staa-chart-head" },
    h("span", { class: "staa-title" }, "When"),
    caption,
    h("span", { class: "staa-quiet" }, "┄ ", term("even share", DEFINITIONS.even)),
    legend(session),
    h("div", { class: "staa-zoom" }, readout, ...(zoomable ? zoomControls(session, view) : [])),
  );
  return { header, element };
}

/** Explain what the heights of the bars show. */
function captionOf(bars: readonly DrawnBars[], heats: readonly Heat[]): string {
  const scale = bars.length > 1 ? ", one scale for all panes" : "";
  const [{ slicesPerBar }] = bars;
  const merged = slicesPerBar > 1 ? ` · ${slicesPerBar} slices per bar: mean, and maximum in a paler color` : "";
  const totals = [...new Set(heats.map(totalName))].join(" or ");
  const signs = heats.some(({ signed }) => signed) ? " · up: for the class, down: against it" : "";
  return `share of the ${totals}${scale}${signs}${merged}`;
}

/** The wheel scrolls sideways through the clip, and zooms with Ctrl; else the page scrolls. */
function onWheel(view: ChartView): (event: WheelEvent) => void {
  return (event) => {
    const { deltaX, deltaY } = event;
    const [from, length] = view.range.peek();
    const sideways = Math.abs(deltaX) > Math.abs(deltaY);
    if (event.ctrlKey) view.zoom(2 ** (deltaY / 200));
    else if (sideways && length < view.clipLength) view.scrollTo(from + (deltaX / view.width.peek()) * length);
    else return;
    event.preventDefault();
  };
}

/** The area over the bars, where the user points at slices and seeks. */
function seekArea(session: Session, view: ChartView): HTMLElement {
  const area = h("div", {
    class: "staa-bars-area",
    pointermove: ({ offsetX }: MouseEvent) => {
      view.hovered.value = view.secondAt(offsetX / view.width.peek());
    },
    pointerleave: () => {
      view.hovered.value = null;
    },
  });
  onDrag(area, (share) => session.actions.seekTime(view.secondAt(share)));
  return area;
}

/** The area over the axis, where a drag selects a range or moves one end of the selection. */
function selectionArea(session: Session, view: ChartView): HTMLElement {
  const area = h("div", { class: "staa-axis-area", title: tooltip("Drag to select a range", "select") });
  /** The end of the selection that stays. */
  let anchor = 0;
  onDrag(area, (share, begin) => {
    const here = view.secondAt(share);
    if (begin) {
      const ends = session.state.selection.peek() ?? [];
      const grabbed = ends.findIndex((end) => Math.abs(view.share(end) - share) * view.width.peek() < GRIP);
      anchor = grabbed < 0 ? here : ends[1 - grabbed];
    }
    session.actions.select([Math.min(anchor, here), Math.max(anchor, here)]);
  });
  return area;
}

/** The line at the second of the current frame; the chart scrolls when it leaves. */
function playhead(session: Session, view: ChartView): HTMLElement {
  const { time } = session.view;
  const mark = movingMark("staa-playhead");
  watch(session.until, () => {
    const share = view.share(time.value);
    mark.hidden = share < 0 || share > 1;
    mark.style.transform = `translateX(${100 * share}%)`;
  });
  watch(session.until, () => {
    const now = time.value;
    const [from, length] = view.range.peek();
    if (now < from || now >= from + length) view.scrollTo(now - length / 10);
  });
  return mark;
}

/** The name of a pane over its bars; a click makes it the active one. */
function paneButton(session: Session, view: ChartView, index: number): HTMLElement {
  const { all: panes, active } = session.panes;
  const click = () => {
    session.state.pane.value = index;
  };
  const name = h("button", { class: "staa-lane", type: "button", click });
  name.style.top = `${index * view.laneHeight}px`;
  watch(session.until, () => {
    name.textContent = readable(session.view.names.value[index]);
    name.setAttribute("aria-pressed", `${active.value === panes[index]}`);
  });
  return name;
}

/** A slider that scrolls, and buttons that zoom. */
function zoomControls(session: Session, view: ChartView): HTMLElement[] {
  const { start, end } = session.panes.timeline;
  const slider = h("input", {
    type: "range",
    min: start,
    step: "any",
    "aria-label": "Visible part of the clip",
    input: () => view.scrollTo(slider.valueAsNumber),
  });
  watch(session.until, () => {
    const [from, length] = view.range.value;
    slider.max = `${end - length}`;
    slider.valueAsNumber = from;
    slider.disabled = length >= view.clipLength;
    slider.setAttribute("aria-valuetext", timeRange(from, from + length));
  });
  const zoomButton = (sign: string, factor: number, title: string) =>
    Object.assign(
      button(sign, () => view.zoom(factor)),
      { title, ariaLabel: title },
    );
  return [slider, zoomButton("−", 2, "Zoom out (Ctrl + wheel)"), zoomButton("+", 0.5, "Zoom in (Ctrl + wheel)")];
}
