// Thumbnails of all layers and heads, to choose one.

import { computed, signal } from "@preact/signals-core";
import { DEFAULTS } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import { drawThumbnails, type Thumbnail, thumbnails, thumbnailsSize } from "../heat/heads.js";
import type { Session } from "../session/session.js";
import { button, h, seconds } from "./dom.js";
import { placeRectangle } from "./patch_position.js";

/**
 * Thumbnails of all layers and heads at the current frame. A click shows one head, a second click the mean of its layer, a
 * third the map of all layers. Hidden if the explanation contains no attention.
 */
export function attentionHeads(session: Session): HTMLElement {
  const { state, until } = session;
  const { active } = session.panes;
  const { meta, slice } = session.view;
  const open = signal(false);
  const all = computed(() => (open.value ? thumbnails(active.value.payload.value) : []));
  /** Index of the current thumbnail, or -1 for the map of all layers. The last one of a layer is the mean. */
  const chosen = computed(() =>
    all.value.findIndex(({ layer, head }) => layer === state.layer.value && (head < 0 || head === state.head.value)),
  );
  const describeThumbnail = ({ layer, head, heat: { temporal } }: Thumbnail) => {
    const seen = meta.value.sampled_times[temporal.indexOf(Math.max(...temporal))];
    const peak = seconds((seen[0] + seen[seen.length - 1]) / 2);
    return `layer ${layer + 1}, ${head < 0 ? "mean of heads" : `head ${head + 1}`}, peaks at ${peak}`;
  };

  const canvas = h("canvas", { "aria-hidden": "true" });
  const grid = h("div", { role: "grid", "aria-label": "Layers and heads" });
  let cells: HTMLElement[] = [];
  const cellOf = (_: unknown, at: number) => {
    const click = () => {
      const { layer, head } = all.value[at];
      const isChosen = at === chosen.value;
      state.layer.value = isChosen && head < 0 ? -1 : layer;
      state.head.value = isChosen ? -1 : head;
    };
    const keydown = (event: KeyboardEvent) => {
      const across = meta.value.attention![1] + 1;
      const first = at - (at % across);
      const to = {
        ArrowUp: at + across,
        ArrowDown: at - across,
        ArrowLeft: at - 1,
        ArrowRight: at + 1,
        Home: first,
        End: first + across - 1,
      }[event.key];
      if (to === undefined) return;
      cells[to]?.focus();
      event.preventDefault();
      event.stopPropagation();
    };
    return h("button", { type: "button", role: "gridcell", click, keydown });
  };
  watch(until, () => {
    if (!all.value.length) return;
    const { payload, timeline, position } = active.value;
    const size = thumbnailsSize(all.value);
    const image = new ImageData(...size);
    const at = slice.value;
    const moment =
      state.time_interpolation.value === "linear" ? timeline.blend(position.value) : { from: at, to: at, mix: 0 };
    const { colormaps } = payload.value;
    drawThumbnails(
      image.data,
      all.value,
      moment,
      colormaps.get(state.colormap.value) ?? colormaps.get(DEFAULTS.colormap)!,
    );
    [canvas.width, canvas.height] = size;
    canvas.getContext("2d")!.putImageData(image, 0, 0);
  });

  const description = h("p", { class: "staa-trim" });
  const joint = button(
    "All layers",
    () => {
      state.layer.value = -1;
    },
    "staa-small staa-end",
  );
  const count = h("span", { class: "staa-quiet" });
  const thumbs = h(
    "div",
    { class: "staa-thumbs" },
    h("div", {}, h("span", {}, "heads →"), h("span", {}, "mean")),
    h("div", { class: "staa-up" }, "layers →"),
    h("div", { class: "staa-board" }, canvas, grid),
  );
  const toggle = () => {
    open.value = element.open;
  };
  const element = h(
    "details",
    { class: "staa-heads", toggle },
    h(
      "summary",
      { title: "Each thumbnail is scaled to its own maximum over the clip" },
      h("b", {}, "Layers × heads"),
      count,
    ),
    thumbs,
    h("div", { class: "staa-row" }, description, joint),
  );
  let builtShape = "";
  watch(until, () => {
    const [layers, heads] = meta.value.attention ?? [0, 0];
    element.hidden = !layers;
    const shape = ` ${layers} × ${heads}`;
    count.textContent = shape;
    if (!all.value.length) return;
    if (builtShape !== shape) {
      cells = all.value.map(cellOf);
      const rows = Array.from({ length: layers }, (_, layer) =>
        h("div", { role: "row" }, ...cells.slice(layer * (heads + 1), (layer + 1) * (heads + 1))),
      );
      grid.replaceChildren(...rows);
      builtShape = shape;
    }
    for (const [at, thumbnail] of all.value.entries()) {
      const { x, y, heat } = thumbnail;
      placeRectangle(cells[at], { size: thumbnailsSize(all.value) }, [x, y, x + heat.columns, y + heat.rows]);
      cells[at].title = describeThumbnail(thumbnail);
      cells[at].tabIndex = at === Math.max(chosen.value, 0) ? 0 : -1;
      cells[at].setAttribute("aria-selected", String(at === chosen.value));
    }
    joint.setAttribute("aria-pressed", String(chosen.value < 0));
    description.textContent = cells[chosen.value]?.title ?? "all layers";
    thumbs.style.maxWidth = `${Math.max(6, heads + 1) * 44}px`;
  });
  return element;
}
