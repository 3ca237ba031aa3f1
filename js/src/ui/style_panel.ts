// Controls for how the heat map is drawn.

import type { Signal } from "@preact/signals-core";
import { DEFAULTS, DIVERGING, SLIDERS } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import type { MaskFacts } from "../host/payload.js";
import type { Session } from "../session/session.js";
import { colorbar } from "./colorbar.js";
import { DEFINITIONS } from "./definitions.js";
import { button, fillOptions, h, percent } from "./dom.js";
import { fold } from "./fold.js";
import { tooltip } from "./keys.js";
import { describe } from "./term.js";

/** Settings that the button "Reset" sets to their defaults. */
const STYLE = [
  "layer",
  "head",
  "mask",
  "colormap",
  "opacity",
  "threshold",
  "gamma",
  "smooth",
  "normalize",
  "share_scale",
  "interpolation",
  "time_interpolation",
  "dim_outside",
] as const;

/** Controls for the layer, the colors, the threshold and the interpolation: three are open, the others folded away. */
export function stylePanel(session: Session): HTMLElement {
  const { state, until } = session;
  const { meta } = session.view;
  const { layer, head, colormap } = state;

  const row = (label: string, control: HTMLElement, ...more: HTMLElement[]) => {
    control.setAttribute("aria-label", label);
    return h(
      "div",
      { class: "staa-row" },
      h("span", { class: "staa-name", "aria-hidden": "true" }, label),
      control,
      ...more,
    );
  };

  const slider = (label: string, name: keyof typeof SLIDERS, title = "", ...more: HTMLElement[]) => {
    const value = state[name];
    const [min, max] = SLIDERS[name];
    const output = h("output", { class: "staa-number" });
    const set = () => {
      value.value = Number(element.value);
    };
    const element = h("input", { type: "range", min, max, step: 0.01, title, input: set });
    watch(until, () => {
      element.value = String(value.value);
      output.textContent = max > 1 ? value.value.toFixed(2) : percent(value.value);
      element.setAttribute("aria-valuetext", output.textContent);
    });
    return row(label, element, ...more, output);
  };

  const select = (
    label: string,
    options: () => (readonly [value: string, text: string])[],
    shown: () => string | number,
    set: (value: string) => void,
  ) => {
    const element = h("select", { class: "staa-select", change: () => set(element.value) });
    watch(until, () => {
      fillOptions(element, options());
      element.value = String(shown());
      element.disabled = element.length < 2;
    });
    return row(label, element);
  };

  const isDefault = (name: (typeof STYLE)[number]) => state[name].value === DEFAULTS[name];
  const reset = button(
    "Reset",
    () => {
      for (const name of STYLE) (state[name] as Signal<unknown>).value = DEFAULTS[name];
    },
    "staa-small staa-end",
  );
  reset.title = "Set the heat map to its defaults";
  watch(until, () => {
    reset.disabled = STYLE.every(isDefault);
  });

  /** A menu of layers, or of the heads of a layer. */
  const attentionSelect = (label: string, value: Signal<number>, first: () => string, name: string, axis: 0 | 1) => {
    const number = (i: number) => [`${i}`, `${name} ${i + 1}`] as const;
    const options = () => [
      ["-1", first()] as const,
      ...[...Array(meta.value.attention?.[axis] ?? 0).keys()].map(number),
    ];
    const set = (chosen: string) => {
      value.value = Number(chosen);
    };
    const element = select(label, options, () => value.value, set);
    watch(until, () => {
      element.hidden = !meta.value.attention || (axis > 0 && layer.value < 0);
    });
    return element;
  };

  /** A menu of the masks, and what the model says if it sees only the chosen one. */
  const maskSelect = () => {
    const facts = () => meta.value.masks;
    const name = (area: number, i: number) =>
      [`${i}`, `${percent(area)} of the clip${i === facts()?.smallest ? " ✓" : ""}`] as const;
    const options = () => [["-1", "all together"] as const, ...(facts()?.areas ?? []).map(name)];
    const set = (chosen: string) => {
      state.mask.value = Number(chosen);
    };
    const menu = select("Mask", options, () => (facts() ? state.mask.value : -1), set);
    const caption = h("p", { class: "staa-quiet" });
    const element = h("div", {}, menu, caption);
    watch(until, () => {
      const masks = facts();
      element.hidden = !masks || layer.value >= 0;
      if (masks)
        caption.textContent = describeMask(masks, state.mask.value, readable(meta.value.labels[meta.value.target]));
    });
    return element;
  };

  const optionButtons = <T>(label: string, value: Signal<T>, ...options: [value: T, text: string, what?: string][]) => {
    const buttons = options.flatMap(([option, text, definition]) => {
      const click = () => {
        value.value = option;
      };
      const element = h("button", { type: "button", class: "staa-option", click }, text);
      watch(until, () => element.setAttribute("aria-pressed", String(value.value === option)));
      return definition ? [element, describe(element, definition)] : [element];
    });
    return row(label, h("div", { class: "staa-choice", role: "group" }, ...buttons));
  };

  const auto = button("auto", () => {
    state.threshold.value = session.view.autoThreshold;
  });
  auto.title = tooltip("Automatic threshold: the more concentrated the map, the fewer cells stay visible", "threshold");
  const colormaps = () => {
    const signed = session.view.colormap.value === DIVERGING;
    return (signed ? [DIVERGING] : session.view.colormaps).map((name) => [name, name] as const);
  };
  const map = attentionSelect("Map", layer, () => `all layers (${meta.value.method_title})`, "layer", 0);
  map.append(describe(map.querySelector("select")!, DEFINITIONS.joint));
  const folded = [
    map,
    attentionSelect("Head", head, () => "mean of all heads", "head", 1),
    slider("Gamma", "gamma", "Exponent of the map: above 1 it sharpens, below 1 it flattens"),
    slider(
      "Blur",
      "smooth",
      "Standard deviation of a Gaussian blur, in patches and slices; it also smooths the time chart",
    ),
    select(
      "Colormap",
      colormaps,
      () => session.view.colormap.value,
      (name) => {
        colormap.value = name as typeof colormap.value;
      },
    ),
    optionButtons("Between patches", state.interpolation, ["cubic", "smooth"], ["nearest", "blocks"]),
    optionButtons("Between slices", state.time_interpolation, ["hold", "hold"], ["linear", "interpolate"]),
  ];
  const { all: panes } = session.panes;
  if (panes.some(({ cropped }) => cropped)) {
    folded.push(optionButtons("Outside the crop", state.dim_outside, [false, "show"], [true, "dim"]));
  }
  return h(
    "section",
    { class: "staa-style" },
    h("div", { class: "staa-row" }, h("h3", { class: "staa-title" }, "Heat map"), reset),
    colorbar(session),
    maskSelect(),
    slider("Opacity", "opacity", tooltip("Opacity of the heat map", "opacity")),
    slider("Threshold", "threshold", "Share of the clip’s cells that are hidden, the weakest first", auto),
    optionButtons(
      "Scale",
      state.normalize,
      ["clip", "per clip", DEFINITIONS.clipScale],
      ["frame", "per frame", DEFINITIONS.frameScale],
    ),
    panes.length > 1 &&
      optionButtons(
        "Panes",
        state.share_scale,
        [false, "own scale", DEFINITIONS.clipScale],
        [true, "one scale", DEFINITIONS.sharedScale],
      ),
    fold(session, "more", ["More"], folded),
  );
}

/** What the model says if it sees only a mask's part of the clip, or, for all masks together, which mask suffices. */
function describeMask({ areas, probabilities, clip_probability, smallest }: MaskFacts, at: number, label: string) {
  const whole = `${label} is ${percent(clip_probability)} likely for the whole clip`;
  if (at >= 0 && at < areas.length) {
    const kept = at === smallest ? " It is the smallest mask that keeps the class." : "";
    return `The model sees only this part: ${percent(probabilities[at])} likely; ${whole}.${kept}`;
  }
  if (smallest === null) return `No mask keeps the class; ${whole}.`;
  return `Mean of the masks. ${percent(areas[smallest])} of the clip is enough to keep the class; ${whole}.`;
}
