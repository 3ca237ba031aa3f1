// How to read the player: a picture with numbers, and a line for each number.

import { watch } from "../core/reactive.js";
import { palette } from "../heat/palette.js";
import type { Session } from "../session/session.js";
import { h, svg } from "./dom.js";
import { fold } from "./fold.js";

/** Shares of the slices in the picture. */
const BARS = [9, 12, 26, 34, 20, 11];

/** "How to read this", folded away. */
export function guide(session: Session): HTMLElement {
  const { until } = session;
  const { heat, meta } = session.view;
  const picture = svg("svg", {
    viewBox: "0 0 300 168",
    role: "img",
    "aria-label": "The parts of the player, numbered",
  });
  const list = h("ol", { class: "staa-guide-lines" });
  watch(until, () => {
    const { signed } = heat.value;
    const { ground_truth: truth } = meta.value;
    picture.replaceChildren(...drawing(colorsOf(session)));
    const lines: [string, string][] = [
      [
        "Where. ",
        signed
          ? "Warm colors lie where the clip spoke for the class, cold colors where it spoke against it."
          : "Color lies on what counted in the picture, most where it is brightest. The color bar gives the numbers.",
      ],
      ["Move. ", "Drag the slider, click a bar, or press ← → and Space: picture and bars move together."],
      ["When. ", "Each bar is the share of one slice of time. Above the dashed line it is more than an even share."],
      [
        "Careful. ",
        `This shows what the model used, not whether it is right.${truth ? " The green outline and band are the true place and time." : ""}`,
      ],
    ];
    list.replaceChildren(...lines.map(([name, text]) => h("li", {}, h("b", {}, name), text)));
  });
  return fold(session, "guide", ["How to read this"], [h("div", { class: "staa-guide-body" }, picture, list)]);
}

/** Some colors of the colormap in use, from the weakest to the strongest. */
function colorsOf({ panes, state }: Session): string[] {
  const { colorTable, heat } = panes.active.value;
  const { signed } = heat.value;
  const rgba = palette({ colorTable: colorTable.value, opacity: 1, cutoff: 0, gamma: state.gamma.peek(), signed });
  return Array.from({ length: 9 }, (_, i) => {
    const at = 4 * Math.round((i / 8) * (rgba.length / 4 - 1));
    return `rgb(${rgba.slice(at, at + 3).join(" ")})`;
  });
}

function drawing(colors: string[]): SVGElement[] {
  const box = (x: number, y: number, width: number, height: number, fill: string, more = {}) =>
    svg("rect", { x, y, width, height, fill, ...more });
  const number = (n: number, x: number, y: number) =>
    svg(
      "g",
      { class: "staa-guide-number" },
      svg("circle", { cx: x, cy: y, r: 9 }),
      svg("text", { x, y: y + 4, "text-anchor": "middle" }, `${n}`),
    );
  const spot = [4, 6, 8].map((level, i) =>
    svg("ellipse", { cx: 148, cy: 36, rx: 30 - 10 * i, ry: 22 - 7 * i, fill: colors[level], opacity: 0.5 + 0.2 * i }),
  );
  const figure = svg("path", {
    d: "M118 30a8 8 0 1 1 .1 0zM112 34h12l14 2v6l-12 2v34h-7V58h-4v20h-7V40z",
    fill: "#8d93a0",
  });
  const scale = colors.map((color, i) => box(216, 70 - 7.6 * i, 10, 8, color));
  const bars = BARS.map((share, i) =>
    box(34 + 36 * i, 160 - share, 33, share, i === 3 ? "var(--staa-accent)" : "var(--staa-bar)"),
  );
  return [
    box(34, 4, 170, 80, "#16181d", { rx: 4 }),
    figure,
    ...spot,
    ...scale,
    number(1, 247, 40),
    box(34, 98, 213, 4, "var(--staa-line)"),
    box(34, 98, 120, 4, "var(--staa-accent)"),
    svg("circle", { cx: 154, cy: 100, r: 7, fill: "var(--staa-accent)" }),
    number(2, 268, 100),
    ...bars,
    svg("path", { d: "M30 142H252", stroke: "var(--staa-quiet)", "stroke-dasharray": "3 4" }),
    svg("path", { d: "M154 114V164", stroke: "var(--staa-fg)", "stroke-width": 2 }),
    number(3, 268, 142),
  ];
}
