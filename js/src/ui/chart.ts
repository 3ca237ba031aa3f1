import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h, onDrag, percent, seconds, svg } from "./dom.js";

const HEIGHT = 92;
const AXIS = 22;

/** Bars of time: how much of the attribution fell into each slice. Click or drag to seek, drag on the axis to select. */
export function chart(session: Session): { header: HTMLElement; element: HTMLElement } {
  const { clock, heat, meta, slice, state, until } = session;
  const { spans } = session.film;
  const at = (share: number) => clock.start + share * (clock.end - clock.start);
  const x = (time: number) => `${(100 * clock.share(time)).toFixed(4)}%`;

  const readout = h("span", { class: "staa-value" });
  const plot = svg("g");
  const tint = { "fill-opacity": 0.14, "stroke-opacity": 0.5 };
  const band = svg("rect", { class: "staa-band", y: 0, height: HEIGHT, ...tint });
  const known = svg("g");
  const axes = axis(session, x);
  const picture = svg("svg", { class: "staa-chart", height: HEIGHT + AXIS, role: "img" }, known, band, plot, axes);
  const surface = h("div", { class: "staa-bars-area" });
  const brush = h("div", { class: "staa-axis-area", title: "Drag to select a range of time" });
  const table = h("table", { class: "staa-hidden" });
  const element = h("div", { class: "staa-plot" }, picture, surface, brush, table);

  let bars: SVGElement[] = [];
  watch(until, () => {
    const { temporal, temporalSigned, signed } = heat.value;
    const up = Array.from(temporal, (mass, s) => (signed ? (mass + temporalSigned[s]) / 2 : mass));
    const down = Array.from(temporal, (mass, s) => (signed ? (mass - temporalSigned[s]) / 2 : 0));
    const step = niceStep(Math.max(...up) + Math.max(...down), 3);
    const top = Math.ceil(Math.max(...up) / step - 1e-9) * step || step;
    const bottom = Math.ceil(Math.max(...down) / step - 1e-9) * step;
    const y = (share: number) => 6 + ((HEIGHT - 6) * (top - share)) / (top + bottom);
    plot.replaceChildren();
    for (let tick = -bottom; tick <= top + step / 2; tick += step) {
      plot.append(
        svg("line", { class: "staa-grid", x1: 0, x2: "100%", y1: y(tick), y2: y(tick) }),
        label(-8, y(tick) + 4, "end", percent(Math.abs(tick))),
      );
    }
    bars = spans.map(([start, end], s) => {
      const width = `${(100 * (clock.share(end) - clock.share(start))).toFixed(4)}%`;
      const bar = (kind: string, from: number, to: number) =>
        svg("rect", {
          class: kind,
          x: x(start),
          width,
          y: y(from),
          height: Math.max(y(to) - y(from), from > to ? 1 : 0),
          "stroke-width": 1.5,
        });
      return svg(
        "g",
        { class: "staa-slice" },
        bar(signed ? "staa-bar staa-warm" : "staa-bar", up[s], 0),
        bar("staa-bar", 0, -down[s]),
      );
    });
    plot.append(...bars);
    if (!signed) {
      const even = y(1 / spans.length);
      plot.append(
        svg("line", { class: "staa-even", x1: 0, x2: "100%", y1: even, y2: even, "stroke-dasharray": "3 4" }),
        label("100%", even - 4, "end", "even"),
      );
    }
    picture.setAttribute("aria-label", summary(session));
    table.replaceChildren(...rows(session));
  });

  watch(until, () => {
    const { truth } = meta.value;
    const spans = (state.show_truth.value && truth?.spans) || [];
    known.replaceChildren(
      ...spans.flatMap(([start, end]) =>
        [HEIGHT, 4].map((height) =>
          svg("rect", {
            class: "staa-during",
            x: x(start),
            width: `${(100 * (clock.share(end) - clock.share(start))).toFixed(4)}%`,
            height,
            "fill-opacity": height === HEIGHT ? 0.16 : 1,
          }),
        ),
      ),
    );
  });

  let hovered: number | null = null;
  const show = () => {
    const chosen = state.selection.value;
    const s = hovered ?? slice.value;
    for (const [i, bar] of bars.entries()) {
      bar.classList.toggle("staa-current", i === slice.value);
      bar.classList.toggle("staa-hovered", i === hovered);
    }
    readout.textContent =
      chosen && hovered === null
        ? `${seconds(chosen[0])} – ${seconds(chosen[1])} selected · ${percent(session.shareBetween(...chosen))}`
        : `slice ${s + 1} · ${seconds(spans[s][0])} – ${seconds(spans[s][1])} · ${percent(heat.value.temporal[s])}`;
    band.setAttribute("visibility", chosen ? "visible" : "hidden");
    if (!chosen) return;
    band.setAttribute("x", x(chosen[0]));
    band.setAttribute("width", `${100 * (clock.share(chosen[1]) - clock.share(chosen[0]))}%`);
  };
  watch(until, show);

  onDrag(surface, (share) => session.seekTime(at(share)));
  surface.addEventListener("pointermove", (event) => {
    const { left, width } = surface.getBoundingClientRect();
    const time = at(Math.min(Math.max((event.clientX - left) / width, 0), 1));
    const found = spans.findIndex(([start, end]) => time >= start && time < end);
    hovered = found < 0 ? spans.length - 1 : found;
    show();
  });
  surface.addEventListener("pointerleave", () => {
    hovered = null;
    show();
  });
  let anchor = 0;
  onDrag(brush, (share, begin) => {
    if (begin) anchor = at(share);
    session.select([Math.min(anchor, at(share)), Math.max(anchor, at(share))]);
  });

  const header = h(
    "div",
    { class: "staa-chart-head" },
    h("span", { class: "staa-title" }, "When"),
    h("span", { class: "staa-quiet" }, "share of the attribution"),
    legend(session),
    readout,
  );
  return { header, element };
}

/** Names what is outlined and marked, and turns both on and off. */
function legend(session: Session): HTMLElement {
  const { meta, state, until } = session;
  const name = h("span", { class: "staa-known" });
  const click = () => session.toggleTruth();
  const button = h(
    "button",
    { class: "staa-button", type: "button", title: "Outline and band of the truth (G)", click },
    name,
  );
  watch(until, () => {
    const { truth } = meta.value;
    button.hidden = !truth;
    const when = truth?.spans.map((span) => span.map((time) => time.toFixed(2)).join("–")).join(", ");
    name.textContent = `truth: ${truth?.label}, ${when ? `${when} s` : "at no time"}`;
    button.setAttribute("aria-pressed", String(state.show_truth.value));
  });
  return button;
}

/** Words in the chart, readable over its lines. */
const label = (x: string | number, y: number, anchor: string, text: string): SVGTextElement =>
  svg("text", { class: "staa-label", x, y, "text-anchor": anchor, "stroke-width": 3, "paint-order": "stroke" }, text);

function axis({ clock }: Session, x: (time: number) => string): SVGGElement {
  const group = svg("g", {});
  const step = niceStep(clock.end - clock.start, 6);
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  for (let i = Math.ceil(clock.start / step - 1e-9); i * step <= clock.end + step * 1e-6; i++) {
    const share = clock.share(i * step);
    // Labels at the very ends would hang over the edge.
    const anchor = share < 0.02 ? "start" : share > 0.97 ? "end" : "middle";
    group.append(
      svg("line", { class: "staa-axis", x1: x(i * step), x2: x(i * step), y1: HEIGHT, y2: HEIGHT + 4 }),
      label(x(i * step), HEIGHT + 17, anchor, seconds(i * step, digits)),
    );
  }
  return group;
}

/** The round number (1, 2 or 5 times a power of ten) that divides `range` into at most `count` steps. */
export function niceStep(range: number, count: number): number {
  if (!(range > 0)) return 1;
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

function summary({ heat, film }: Session): string {
  const { temporal } = heat.value;
  const peak = temporal.indexOf(Math.max(...temporal));
  const [start, end] = film.spans[peak];
  const most = `most, ${percent(temporal[peak])}, from ${seconds(start)} to ${seconds(end)}`;
  return `Share of the attribution in each of ${temporal.length} slices of time; ${most}.`;
}

function rows({ heat, film }: Session): HTMLElement[] {
  const head = h("tr", {}, ...["Slice", "From", "To", "Share"].map((name) => h("th", { scope: "col" }, name)));
  const body = film.spans.map(([start, end], s) => {
    const cells = [String(s + 1), seconds(start), seconds(end), percent(heat.value.temporal[s])];
    return h("tr", {}, ...cells.map((text) => h("td", {}, text)));
  });
  return [h("caption", {}, "Share of the attribution by slice of time"), head, ...body];
}
