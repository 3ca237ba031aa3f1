import { atOrBefore } from "../clock.js";
import type { Pane } from "../pane.js";
import type { Session } from "../session.js";
import { signal, untracked } from "../signals.js";
import { watch } from "../state.js";
import { type Bar, bars, niceStep, within } from "./bars.js";
import { carrier, h, onDrag, percent, seconds, svg } from "./dom.js";
import { legend } from "./legend.js";
import { summary, tabled } from "./reading.js";

/** Height of a pane's bars, by the number of panes: four leave room for what stands below. */
const HEIGHTS = [92, 60, 46, 36];
const AXIS = 22;

/** A pane's row of bars. */
interface Row {
  pane: Pane;
  /** First second of each slice. */
  starts: number[];
  bars: Bar[];
  elements: SVGElement[];
}

/** Bars of time: how much of the attribution fell into each slice. Click or drag to seek, drag on the axis to select. */
export function chart(session: Session): { header: HTMLElement; element: HTMLElement } {
  const { clock, panes, active, names, meta, state, time, until } = session;
  const { start, end } = clock;
  const whole = end - start;
  const several = panes.length > 1;
  const height = HEIGHTS[panes.length - 1];
  const floor = height * panes.length;
  const view = signal<readonly [number, number]>([start, end]);
  const width = signal(640);
  const hovered = signal<number | null>(null);
  /** How often the bars were drawn. */
  const drawn = signal(0);
  const share = (second: number) => (second - view.value[0]) / (view.value[1] - view.value[0]);
  const across = (part: number) => `${(100 * part).toFixed(4)}%`;
  const x = (second: number) => across(share(second));
  const at = (part: number) => view.value[0] + part * (view.value[1] - view.value[0]);
  const block = (kind: string, [from, to]: readonly [number, number], y: number, tall: number, more = {}) =>
    svg("rect", { class: kind, x: x(from), width: across(share(to) - share(from)), y, height: tall, ...more });
  const rows = panes.map((pane): Row => ({ pane, starts: pane.film.spans.map(([s]) => s), bars: [], elements: [] }));

  const readout = h("span", { class: "staa-value" });
  const behind = svg("g");
  const scale = svg("g");
  const plot = svg("svg", { width: "100%", height: floor });
  const axis = svg("g");
  const picture = svg("svg", { class: "staa-chart", height: floor + AXIS, role: "img" }, behind, scale, plot, axis);
  const surface = h("div", { class: "staa-bars-area" });
  const brush = h("div", { class: "staa-axis-area", title: "Drag to select a range of time" });
  const table = h("table");
  const playhead = carrier("staa-playhead");
  const element = h(
    "div",
    { class: "staa-plot" },
    picture,
    surface,
    brush,
    h("div", { class: "staa-hidden" }, table),
    playhead,
  );
  for (const [i] of panes.entries()) {
    if (!several) break;
    const choose = () => {
      state.pane.value = i;
    };
    const name = h("button", { class: "staa-lane", type: "button", click: choose });
    name.style.top = `${i * height}px`;
    watch(until, () => {
      name.textContent = names.value[i];
      name.setAttribute("aria-pressed", String(active.value === panes[i]));
    });
    element.append(name);
  }

  const observer = new ResizeObserver(() => {
    width.value = element.clientWidth || width.peek();
  });
  observer.observe(element);
  until.addEventListener("abort", () => observer.disconnect());

  watch(until, () => {
    const parts = rows.map(({ pane }) => {
      const { temporal, temporalSigned, signed } = pane.heat.value;
      const half = (sign: number) =>
        temporal.map((mass, s) => (signed ? (mass + sign * temporalSigned[s]) / 2 : sign > 0 ? mass : 0));
      return { signed, up: half(1), down: half(-1), even: 1 / temporal.length };
    });
    const highest = (name: "up" | "down") =>
      Math.max(...parts.map((part) => part[name].reduce((a, b) => Math.max(a, b))));
    // One scale for all panes, so that heights can be compared; round where there is room for its steps.
    const [high, low] = [highest("up"), highest("down")];
    const step = several ? high || 1 : niceStep(high + low, 3);
    const top = Math.ceil(high / step - 1e-9) * step || step;
    const bottom = several ? low : Math.ceil(low / step - 1e-9) * step;
    const [from, to] = view.value;
    const above = several ? 16 : 6;
    scale.replaceChildren();
    plot.replaceChildren();
    for (const [i, row] of rows.entries()) {
      const { signed, up, down, even } = parts[i];
      const y = (value: number) => i * height + above + ((height - above) * (top - value)) / (top + bottom);
      const line = (kind: string, value: number, more = {}) =>
        scale.append(svg("line", { class: kind, x1: 0, x2: "100%", y1: y(value), y2: y(value), ...more }));
      for (let tick = several ? 0 : -bottom; tick <= top + step / 2; tick += step) {
        line("staa-grid", tick);
        if (!several || tick) scale.append(label(-8, y(tick) + 4, "end", percent(Math.abs(tick))));
      }
      if (!signed) line("staa-even", even, { "stroke-dasharray": "3 4" });
      if (!signed && i === 0) scale.append(label("100%", y(even) - 4, "end", "even"));
      const { spans } = row.pane.film;
      const [first, last] = [atOrBefore(row.starts, from), atOrBefore(row.starts, to - 1e-9) + 1];
      const per = Math.max(1, Math.ceil((2 * (last - first)) / width.value));
      row.bars = bars(up, first, last, per);
      const below = bars(down, first, last, per);
      row.elements = row.bars.map(({ from, to, mean, most }, k) => {
        const bar = (kind: string, high: number, low: number) =>
          block(kind, [spans[from][0], spans[to - 1][1]], y(high), Math.max(y(low) - y(high), high > low ? 1 : 0), {
            "stroke-width": per > 1 ? 0 : 1.5,
          });
        const warm = signed ? "staa-bar staa-warm" : "staa-bar";
        return svg(
          "g",
          { class: "staa-slice" },
          bar(warm, mean, 0),
          bar("staa-bar", 0, -below[k].mean),
          per > 1 && bar(`${warm} staa-most`, most, mean),
          per > 1 && bar("staa-bar staa-most", -below[k].mean, -below[k].most),
        );
      });
      plot.append(...row.elements);
    }
    axis.replaceChildren(...ticks(from, to, floor, x));
    drawn.value = drawn.peek() + 1;
  });

  watch(until, () => {
    const spans = (state.show_truth.value && meta.value.truth?.spans) || [];
    const chosen = state.selection.value;
    const tint = { "fill-opacity": 0.14, "stroke-opacity": 0.5 };
    behind.replaceChildren(
      ...spans.flatMap((span) => [
        block("staa-during", span, 0, floor, { "fill-opacity": 0.16 }),
        block("staa-during", span, 0, 4),
      ]),
      ...(chosen ? [block("staa-band", chosen, 0, floor + 6, tint)] : []),
    );
  });

  watch(until, () => {
    picture.setAttribute("aria-label", summary(session));
    table.replaceChildren(...tabled(session));
  });

  const marked: [Element, string][] = [];
  watch(until, () => {
    drawn.value;
    const chosen = state.selection.value;
    const pointed = hovered.value;
    for (const [bar, name] of marked.splice(0)) bar.classList.remove(name);
    const told = rows.map(({ pane, starts, bars, elements }, i) => {
      const { temporal } = pane.heat.value;
      const mark = (s: number, name: string) => {
        const k = bars.findIndex(({ to }) => s < to);
        if (elements[k] && s >= bars[k].from) marked.push([elements[k], name]);
        return bars[k];
      };
      const slice = pane.slice.value;
      mark(slice, "staa-current");
      const s = pointed === null ? slice : atOrBefore(starts, pointed);
      const bar = pointed === null ? undefined : mark(s, "staa-hovered");
      const some = bar && bar.to - bar.from > 1;
      const value = some ? `mean ${percent(bar.mean)}, most ${percent(bar.most)}` : percent(temporal[s]);
      const { spans } = pane.film;
      const [from, to] = some ? [bar.from, bar.to] : [s, s + 1];
      const when = `${seconds(spans[from][0])} – ${seconds(spans[to - 1][1])}`;
      return {
        where: `${some ? `slices ${from + 1}–${to}` : `slice ${s + 1}`} · ${when}`,
        value: several ? `${names.value[i]} ${value}` : value,
      };
    });
    for (const [bar, name] of marked) bar.classList.add(name);
    const { where } = told[panes.indexOf(active.value)];
    readout.textContent =
      chosen && pointed === null
        ? `${seconds(chosen[0])} – ${seconds(chosen[1])} selected · ${percent(session.shareBetween(...chosen))}`
        : [where, ...told.map(({ value }) => value)].join(" · ");
  });

  watch(until, () => {
    const here = share(time.value);
    playhead.hidden = here < 0 || here > 1;
    playhead.style.transform = `translateX(${100 * here}%)`;
  });

  // What is on show of the time.
  const go = (from: number, length = view.peek()[1] - view.peek()[0]) => {
    view.value = within(from, length, start, end);
  };
  const zoom = (factor: number, about = time.peek()) => {
    const [from, to] = view.peek();
    const length = Math.min(Math.max((to - from) * factor, (4 * whole) / clock.count, whole / 2000), whole);
    const part = Math.min(Math.max((about - from) / (to - from), 0), 1);
    go(from + part * (to - from) - part * length, length);
  };
  watch(until, () => {
    const now = time.value;
    untracked(() => {
      const [from, to] = view.peek();
      if (now < from || now >= to) go(now - (to - from) / 10);
    });
  });
  const second = ({ clientX }: MouseEvent) => {
    const { left, width: wide } = surface.getBoundingClientRect();
    return at(Math.min(Math.max((clientX - left) / wide, 0), 1));
  };
  // Alone the wheel scrolls the page.
  const wheel = (event: WheelEvent) => {
    const { deltaX, deltaY } = event;
    const [from, to] = view.peek();
    const sideways = Math.abs(deltaX) > Math.abs(deltaY) && to - from < whole;
    if (event.ctrlKey || event.metaKey) zoom(2 ** (deltaY / 200), second(event));
    else if (sideways) go(from + (deltaX / width.peek()) * (to - from));
    else return;
    event.preventDefault();
  };
  element.addEventListener("wheel", wheel, { passive: false });
  element.addEventListener("dblclick", () => zoom(Infinity));

  onDrag(surface, (part) => session.seekTime(at(part)));
  surface.addEventListener("pointermove", (event) => {
    hovered.value = second(event);
  });
  surface.addEventListener("pointerleave", () => {
    hovered.value = null;
  });
  let anchor = 0;
  onDrag(brush, (part, begin) => {
    const here = at(part);
    if (begin) {
      // An edge of the selection is taken hold of, and the other one stays.
      const chosen = state.selection.peek() ?? [];
      const held = chosen.findIndex((edge) => Math.abs(share(edge) - share(here)) * width.peek() < 8);
      anchor = held < 0 ? here : chosen[1 - held];
    }
    session.select([Math.min(anchor, here), Math.max(anchor, here)]);
  });

  const slide = h("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 0.001,
    "aria-label": "Part of the clip in the bars",
  });
  slide.addEventListener("input", () => {
    const [from, to] = view.peek();
    go(start + slide.valueAsNumber * (whole - to + from));
  });
  watch(until, () => {
    const [from, to] = view.value;
    slide.disabled = to - from >= whole;
    slide.valueAsNumber = slide.disabled ? 0 : (from - start) / (whole - to + from);
    slide.setAttribute("aria-valuetext", `${seconds(from)} – ${seconds(to)}`);
  });
  const button = (sign: string, factor: number, does: string) => {
    const title = `${does} (Ctrl and wheel)`;
    const click = () => zoom(factor);
    return h("button", { class: "staa-button staa-small", type: "button", title, "aria-label": does, click }, sign);
  };
  const many = rows.some(({ starts }) => starts.length > 24);
  const closer = many ? [slide, button("−", 2, "Show more time"), button("+", 0.5, "Show less time")] : [];
  const about = h("span", { class: "staa-quiet" });
  watch(until, () => {
    drawn.value;
    const per = Math.max(...rows.map(({ bars: [bar] }) => (bar ? bar.to - bar.from : 1)));
    about.textContent = `share of the attribution${several ? ", one scale" : ""}${
      per > 1 ? ` · ${per} slices a bar: mean, paler the most` : ""
    }`;
  });
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
const label = (x: string | number, y: number, anchor: string, text: string): SVGTextElement =>
  svg("text", { class: "staa-label", x, y, "text-anchor": anchor, "stroke-width": 3, "paint-order": "stroke" }, text);

/** Ticks of the seconds, or of the minutes where there are many. */
function ticks(from: number, to: number, floor: number, x: (time: number) => string): SVGElement[] {
  const unit = to - from > 180 ? 60 : 1;
  const step = niceStep((to - from) / unit, 6) * unit;
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const found: SVGElement[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-6; i++) {
    const share = (i * step - from) / (to - from);
    // Labels at the very ends would hang over the edge.
    const anchor = share < 0.02 ? "start" : share > 0.97 ? "end" : "middle";
    const here = x(i * step);
    const text = unit > 1 ? `${(i * step) / unit} min` : seconds(i * step, digits);
    found.push(
      svg("line", { class: "staa-axis", x1: here, x2: here, y1: floor, y2: floor + 4 }),
      label(here, floor + 17, anchor, text),
    );
  }
  return found;
}
