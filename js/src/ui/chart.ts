// The chart of attribution over time: bars, axis, zoom, selection and playhead.

import { signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { atOrBefore, clamp } from "../core/timeline.js";
import type { Session } from "../session/session.js";
import { mergeBars, niceStep } from "./chart_bars.js";
import { summary, tableRows, timeRange } from "./chart_text.js";
import { button, h, movingMark, onDrag, percent, seconds, svg } from "./dom.js";
import { legend } from "./legend.js";
import { tooltip } from "./shortcuts.js";

const AXIS = 22;

type Span = readonly [from: number, to: number];

/** Bars of time: how much of the attribution fell into each slice. Click or drag to seek, drag on the axis to select. */
export function chart(session: Session): { header: HTMLElement; element: HTMLElement } {
  const { state, until } = session;
  const { timeline, all: panes, active } = session.panes;
  const { names, meta, time } = session.view;
  const { start, end } = timeline;
  const whole = end - start;
  const several = panes.length > 1;
  // Of a pane's bars: four leave room for what stands below.
  const height = [92, 60, 46, 36][panes.length - 1];
  const floor = height * panes.length;
  const starts = panes.map(({ layout }) => layout.spans.map(([from]) => from));
  /** What is on show of the time: where it begins, and its length. */
  const view = signal<Span>([start, whole]);
  const width = signal(640);
  const hovered = signal<number | null>(null);
  /** Of each pane: the bars on show, of `per` slices each, after those that are before. */
  const drawn = signal<(readonly [per: number, before: number, elements: Element[]])[]>([]);
  const share = (second: number) => (second - view.value[0]) / view.value[1];
  const at = (part: number) => view.value[0] + part * view.value[1];
  const across = (part: number) => `${100 * part}%`;
  const block = (kind: string, [from, to]: Span, y: number, tall: number, opacity = 1) =>
    svg("rect", {
      class: kind,
      x: across(share(from)),
      width: across(share(to) - share(from)),
      y,
      height: tall,
      "fill-opacity": opacity,
    });
  const line = (kind: string, y: number, dashes = "") =>
    svg("line", { class: kind, x2: "100%", y1: y, y2: y, "stroke-dasharray": dashes });
  const go = (from: number, length = view.peek()[1]) => {
    view.value = [clamp(from, start, end - length), length];
  };
  /** Show more or less time, about what is pointed at or the frame on show. */
  const zoom = (factor: number) => {
    const [from, before] = view.peek();
    const length = clamp(before * factor, (4 * whole) / timeline.count, whole);
    const part = clamp((hovered.peek() ?? time.peek()) - from, 0, before) / before;
    go(from + part * (before - length), length);
  };

  const readout = h("span", { class: "staa-value" });
  const about = h("span", { class: "staa-quiet" });
  const behind = svg("g");
  const plot = svg("g");
  const picture = svg("svg", { class: "staa-chart", height: floor + AXIS, role: "img" }, behind, plot);
  const surface = h("div", {
    class: "staa-bars-area",
    pointermove: ({ offsetX }: MouseEvent) => {
      hovered.value = at(offsetX / width.peek());
    },
    pointerleave: () => {
      hovered.value = null;
    },
  });
  const brush = h("div", { class: "staa-axis-area", title: tooltip("Drag to select a range", "select") });
  const table = h("table");
  const playhead = movingMark("staa-playhead");
  const wheel = (event: WheelEvent) => {
    const { deltaX, deltaY } = event;
    const [from, length] = view.peek();
    if (event.ctrlKey) zoom(2 ** (deltaY / 200));
    else if (Math.abs(deltaX) > Math.abs(deltaY) && length < whole) go(from + (deltaX / width.peek()) * length);
    // The page scrolls.
    else return;
    event.preventDefault();
  };
  const element = h(
    "div",
    { class: "staa-plot", wheel, dblclick: () => zoom(Infinity) },
    picture,
    surface,
    brush,
    h("div", { class: "staa-hidden" }, table),
    playhead,
  );
  for (const [i, pane] of several ? panes.entries() : []) {
    const choose = () => {
      state.pane.value = i;
    };
    const name = h("button", { class: "staa-lane", type: "button", click: choose });
    name.style.top = `${i * height}px`;
    watch(until, () => {
      name.textContent = names.value[i];
      name.setAttribute("aria-pressed", `${active.value === pane}`);
    });
    element.append(name);
  }

  const observer = new ResizeObserver(() => {
    width.value = element.clientWidth;
  });
  observer.observe(element);
  until.addEventListener("abort", () => observer.disconnect());

  watch(until, () => {
    const halves = panes.map(({ heat }) => {
      const { temporal, temporalSigned } = heat.value;
      return [1, -1].map((sign) => temporal.map((mass, s) => (mass + sign * temporalSigned[s]) / 2));
    });
    const [high, low] = [0, 1].map((half) => Math.max(...halves.flatMap((both) => [...both[half]])));
    // One scale for all panes, so that heights can be compared; round where there is room for its steps.
    const step = (several ? high : niceStep(high + low, 3)) || 1;
    const top = Math.ceil(high / step) * step || step;
    const bottom = several ? low : Math.ceil(low / step) * step;
    const above = several ? 16 : 6;
    const [from, length] = view.value;
    plot.replaceChildren();
    drawn.value = panes.map(({ heat, layout: { spans } }, i) => {
      const { signed, temporal } = heat.value;
      const y = (value: number) => i * height + above + ((height - above) * (top - value)) / (top + bottom);
      for (let tick = several ? 0 : -bottom; tick <= top + step / 2; tick += step) {
        plot.append(line("staa-grid", y(tick)));
        if (!several || tick) plot.append(label(-8, y(tick) + 4, percent(Math.abs(tick)), "end"));
      }
      const even = y(1 / temporal.length);
      if (!signed) plot.append(line("staa-even", even, "3 4"));
      if (!signed && !i) plot.append(label("100%", even - 4, "uniform", "end"));
      const first = atOrBefore(starts[i], from);
      const last = atOrBefore(starts[i], from + length - 1e-9) + 1;
      const per = Math.ceil((2 * (last - first)) / width.value);
      const [up, down] = halves[i].map((half) => mergeBars(half, first, last, per));
      const elements = up.map(({ from, to, mean, most }, k) => {
        const bar = (kind: string, high: number, low: number) =>
          block(
            `staa-bar${kind}`,
            [spans[from][0], spans[to - 1][1]],
            y(high),
            Math.max(y(low) - y(high), +(high > low)),
          );
        const below = down[k];
        const warm = signed ? " staa-warm" : "";
        return svg(
          "g",
          { class: "staa-slice", "stroke-width": per > 1 ? 0 : 1.5 },
          bar(warm, mean, 0),
          bar("", 0, -below.mean),
          per > 1 && bar(`${warm} staa-most`, most, mean),
          per > 1 && bar(" staa-most", -below.mean, -below.most),
        );
      });
      plot.append(...elements);
      return [per, Math.floor(first / per), elements] as const;
    });

    // Seconds, or minutes where there are many.
    const unit = length > 180 ? 60 : 1;
    const gap = niceStep(length / unit, 6) * unit;
    for (let i = Math.ceil(from / gap - 1e-9); i * gap <= from + length; i++) {
      const part = share(i * gap);
      const text = unit > 1 ? `${(i * gap) / unit} min` : seconds(i * gap, gap < 0.1 ? 2 : +(gap < 1));
      // At the very end it would hang over the edge.
      plot.append(label(across(part), floor + 17, text, part > 0.97 ? "end" : "middle"));
    }
    const [[most]] = drawn.peek();
    about.textContent = `share of the attribution${several ? ", one scale for all panes" : ""}${
      most > 1 ? ` · ${most} slices per bar: mean, and maximum in a paler color` : ""
    }`;
  });

  watch(until, () => {
    const spans = (state.show_ground_truth.value && meta.value.ground_truth?.spans) || [];
    const chosen = state.selection.value;
    behind.replaceChildren(
      ...spans.flatMap((span) => [block("staa-during", span, 0, floor, 0.16), block("staa-during", span, 0, 4)]),
      ...(chosen ? [block("staa-band", chosen, 0, floor + 6, 0.14)] : []),
    );
  });

  watch(until, () => {
    picture.setAttribute("aria-label", summary(session));
    table.replaceChildren(...tableRows(session));
  });

  const marked: Element[] = [];
  watch(until, () => {
    const chosen = state.selection.value;
    const pointed = hovered.value;
    for (const bar of marked.splice(0)) bar.setAttribute("class", "staa-slice");
    const told = drawn.value.map(([per, before, elements], i) => {
      const { heat, slice, layout } = panes[i];
      const mark = (s: number, name: string) => {
        const bar = elements[Math.floor(s / per) - before];
        if (bar) marked.push(bar);
        bar?.classList.add(name);
        return s;
      };
      const now = mark(slice.value, "staa-current");
      const s = pointed === null ? now : mark(atOrBefore(starts[i], pointed), "staa-hovered");
      const [{ from, to, mean, most }] = mergeBars(heat.value.temporal, s, s + 1, pointed === null ? 1 : per);
      const some = to - from > 1;
      const value = some ? `mean ${percent(mean)}, maximum ${percent(most)}` : percent(mean);
      const where = some ? `slices ${from + 1}–${to}` : `slice ${to}`;
      return [
        `${where} · ${timeRange(layout.spans[from][0], layout.spans[to - 1][1])}`,
        several ? `${names.value[i]} ${value}` : value,
      ];
    });
    readout.textContent =
      chosen && pointed === null
        ? `${timeRange(...chosen)} selected · ${percent(session.view.shareBetween(...chosen))}`
        : [told[panes.indexOf(active.value)][0], ...told.map(([, value]) => value)].join(" · ");
  });

  watch(until, () => {
    const here = share(time.value);
    playhead.hidden = here < 0 || here > 1;
    playhead.style.transform = `translateX(${100 * here}%)`;
  });
  watch(until, () => {
    const now = time.value;
    const [from, length] = view.peek();
    if (now < from || now >= from + length) go(now - length / 10);
  });

  onDrag(surface, (part) => session.actions.seekTime(at(part)));
  let anchor = 0;
  onDrag(brush, (part, begin) => {
    const here = at(part);
    if (begin) {
      // An edge of the selection is taken hold of, and the other one stays.
      const chosen = state.selection.peek() ?? [];
      const held = chosen.findIndex((edge) => Math.abs(share(edge) - part) * width.peek() < 8);
      anchor = held < 0 ? here : chosen[1 - held];
    }
    session.actions.select([Math.min(anchor, here), Math.max(anchor, here)]);
  });

  const slide = h("input", {
    type: "range",
    min: start,
    step: "any",
    "aria-label": "Visible part of the clip",
    input: () => go(slide.valueAsNumber),
  });
  watch(until, () => {
    const [from, length] = view.value;
    slide.max = `${end - length}`;
    slide.valueAsNumber = from;
    slide.disabled = length >= whole;
    slide.setAttribute("aria-valuetext", timeRange(from, from + length));
  });
  const zoomer = (sign: string, factor: number, title: string) =>
    Object.assign(
      button(sign, () => zoom(factor)),
      { title, ariaLabel: title },
    );
  const many = starts.some(({ length }) => length > 24);
  const closer = many
    ? [slide, zoomer("−", 2, "Zoom out (Ctrl + wheel)"), zoomer("+", 0.5, "Zoom in (Ctrl + wheel)")]
    : [];
  const header = h(
    "div",
    { class: "staa-chart-head" },
    h("span", { class: "staa-title" }, "When"),
    about,
    legend(session),
    h("span", { class: "staa-zoom" }, readout, ...closer),
  );
  return { header, element };
}

/** Words in the chart, readable over its lines. */
const label = (x: string | number, y: number, text: string, anchor: string): SVGTextElement =>
  svg("text", { class: "staa-label", x, y, "text-anchor": anchor, "stroke-width": 3, "paint-order": "stroke" }, text);
