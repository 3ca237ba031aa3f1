import type { Session } from "../session.js";
import type { Signal } from "../signals.js";
import { watch } from "../state.js";
import { colourbar } from "./colourbar.js";
import { fillOptions, h, percent } from "./dom.js";

/** How the heat is drawn. */
export function look(session: Session): HTMLElement {
  const { state } = session;
  const colours = tables(session);
  const auto = h(
    "button",
    {
      class: "staa-button staa-small",
      type: "button",
      title: "Cut as the dynamic threshold does: the more concentrated the map, the less is kept",
      click: () => {
        state.threshold.value = session.autoThreshold;
      },
    },
    "auto",
  );
  return h(
    "section",
    { class: "staa-look" },
    h("h3", { class: "staa-title" }, "Heat"),
    colourbar(session),
    source(session),
    slider(session, "Opacity", "opacity", [0, 1], percent),
    slider(
      session,
      "Hide weakest",
      "threshold",
      [0, 0.99],
      percent,
      "Share of the clip’s cells that are not drawn; the chart stays",
      auto,
    ),
    slider(session, "Sharpen", "gamma", [0.25, 4], decimal, "Power of each strength when drawn; the chart stays"),
    slider(session, "Blur", "smooth", [0, 3], decimal, "Gaussian over so many patches and slices; the chart follows"),
    colours,
    choice(session, "Scale", state.normalize, { clip: "per clip", frame: "per frame" }),
    choice(session, "Patches", state.interpolation, { linear: "smooth", nearest: "blocks" }),
    choice(session, "Over time", state.between, { held: "held", blended: "blended" }),
    session.panes.some(({ cropped }) => cropped) && toggle(session, "Darken what the model did not see", state.dim),
  );
}

/** Joint maps, or one layer and head; nothing where the explanation carries no attention. */
function source(session: Session): HTMLElement {
  const { meta, until } = session;
  const { layer, head } = session.state;
  const number = (name: string, count = 0): [number, string][] =>
    Array.from({ length: count }, (_, i) => [i, `${name} ${i + 1}`]);
  const layers = () => number("layer", meta.value.attention?.[0]);
  const heads = () => number("head", meta.value.attention?.[1]);
  const layerRow = select(session, "Map", () => [[-1, `joint (${meta.value.method})`], ...layers()], layer);
  const headRow = select(session, "Head", () => [[-1, "mean of heads"], ...heads()], head);
  const element = h("div", { class: "staa-source" });
  watch(until, () => {
    if (meta.value.attention) element.append(layerRow, headRow);
    else element.replaceChildren();
  });
  watch(until, () => {
    headRow.hidden = layer.value < 0;
  });
  return element;
}

/** The colour tables; signed maps have one of their own. */
function tables(session: Session): HTMLElement {
  const element = h("select", {
    class: "staa-select",
    "aria-label": "Colours",
    change: () => {
      session.state.colormap.value = element.value;
    },
  });
  watch(session.until, () => {
    const signed = session.colours.value === "diverging";
    fillOptions(
      element,
      (signed ? ["diverging"] : session.tables).map((name) => [name, name]),
    );
    element.value = session.colours.value;
    element.disabled = signed;
  });
  return row("Colours", element);
}

function row(label: string, ...controls: (HTMLElement | null)[]): HTMLElement {
  return h("div", { class: "staa-row" }, h("span", { class: "staa-name", "aria-hidden": "true" }, label), ...controls);
}

const decimal = (value: number): string => value.toFixed(2);

function slider(
  { state, until }: Session,
  label: string,
  trait: "opacity" | "threshold" | "gamma" | "smooth",
  [min, max]: readonly [number, number],
  format: (value: number) => string,
  title = "",
  extra: HTMLElement | null = null,
): HTMLElement {
  const value = h("output", { class: "staa-number" });
  const input = h("input", {
    type: "range",
    min,
    max,
    step: 0.01,
    title,
    "aria-label": label,
    input: () => {
      state[trait].value = Number(input.value);
    },
  });
  watch(until, () => {
    input.value = String(state[trait].value);
    value.textContent = format(state[trait].value);
    input.setAttribute("aria-valuetext", value.textContent);
  });
  return row(label, input, extra, value);
}

function select(
  { until }: Session,
  label: string,
  options: () => [number, string][],
  value: Signal<number>,
): HTMLElement {
  const element = h("select", {
    class: "staa-select",
    "aria-label": label,
    change: () => {
      value.value = Number(element.value);
    },
  });
  watch(until, () => {
    fillOptions(
      element,
      options().map(([option, text]) => [String(option), text]),
    );
    element.value = String(value.value);
  });
  return row(label, element);
}

function choice<T extends string>(
  { until }: Session,
  label: string,
  value: Signal<T>,
  options: Partial<Record<T, string>>,
): HTMLElement {
  const group = h("div", { class: "staa-choice", role: "group", "aria-label": label });
  for (const [option, text] of Object.entries(options) as [T, string][]) {
    const set = () => {
      value.value = option;
    };
    const button = h("button", { type: "button", class: "staa-option", click: set }, text);
    watch(until, () => button.setAttribute("aria-pressed", String(value.value === option)));
    group.append(button);
  }
  return row(label, group);
}

function toggle({ until }: Session, label: string, value: Signal<boolean>): HTMLElement {
  const box = h("input", {
    type: "checkbox",
    change: () => {
      value.value = box.checked;
    },
  });
  watch(until, () => {
    box.checked = value.value;
  });
  return h("label", { class: "staa-toggle" }, box, label);
}
