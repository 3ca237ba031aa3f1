// Thumbnails of all layers and heads over the frame, to choose one.

import { computed, signal } from "@preact/signals-core";
import { DEFAULTS } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import { drawFrames, drawThumbnails, type Thumbnail, thumbnails, thumbnailsSize } from "../heat/heads.js";
import { mapAt } from "../heat/maps.js";
import type { Session } from "../session/session.js";
import { button, h, percent, seconds } from "./dom.js";
import { fold } from "./fold.js";
import { placeRectangle } from "./patch_position.js";

/**
 * Thumbnails of all layers and heads at the current frame. A click shows one head, a second click the mean of its layer, a
 * third the map of all layers. Hidden if the explanation contains no attention.
 */
export function attentionHeads(session: Session): HTMLElement {
  const { state, until } = session;
  const { active } = session.panes;
  const { meta, slice } = session.view;
  const open = signal(session.host.openFolds.has("heads"));
  /** The cell under the pointer: of which thumbnail, and its row and column. */
  const pointed = signal<readonly [at: number, row: number, column: number] | null>(null);
  /** The thumbnail that has the focus. */
  const focusedAt = signal(-1);
  const all = computed(() => (open.value ? thumbnails(active.value.payload.value) : []));
  /** Index of the current thumbnail, or -1 for the map of all layers. The last one of a layer is the mean. */
  const chosen = computed(() =>
    all.value.findIndex(({ layer, head }) => layer === state.layer.value && (head < 0 || head === state.head.value)),
  );
  const nameOf = ({ layer, head }: Thumbnail) =>
    `layer ${layer + 1}, ${head < 0 ? "mean of heads" : `head ${head + 1}`}`;
  const describeThumbnail = (thumbnail: Thumbnail) => {
    const { temporal } = thumbnail.heat;
    const seen = meta.value.sampled_times[temporal.indexOf(Math.max(...temporal))];
    const peak = seconds((seen[0] + seen[seen.length - 1]) / 2);
    return `${nameOf(thumbnail)}, peaks at ${peak}`;
  };

  const frames = h("canvas", { class: "staa-board-frames", "aria-hidden": "true" });
  const canvas = h("canvas", { class: "staa-board-heat", "aria-hidden": "true" });
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
    const pointermove = ({ offsetX, offsetY, currentTarget }: PointerEvent) => {
      const { clientWidth, clientHeight } = currentTarget as HTMLElement;
      const { rows, columns } = all.value[at].heat;
      pointed.value = [at, Math.floor((offsetY / clientHeight) * rows), Math.floor((offsetX / clientWidth) * columns)];
    };
    const pointerleave = () => {
      pointed.value = null;
    };
    const focus = () => {
      focusedAt.value = at;
    };
    const blur = () => {
      focusedAt.value = -1;
    };
    return h("button", {
      type: "button",
      role: "gridcell",
      click,
      keydown,
      pointermove,
      pointerleave,
      focus,
      blur,
    });
  };
  const moment = computed(() => {
    const { timeline, position } = active.value;
    const at = slice.value;
    return state.time_interpolation.value === "linear" ? timeline.blend(position.value) : { from: at, to: at, mix: 0 };
  });
  watch(until, () => {
    if (!all.value.length) return;
    const { payload } = active.value;
    const size = thumbnailsSize(all.value);
    const image = new ImageData(...size);
    const { colormaps } = payload.value;
    drawThumbnails(
      image.data,
      all.value,
      moment.value,
      colormaps.get(state.colormap.value) ?? colormaps.get(DEFAULTS.colormap)!,
    );
    [canvas.width, canvas.height] = size;
    canvas.getContext("2d")!.putImageData(image, 0, 0);
  });
  let latestDraw = 0;
  watch(until, () => {
    const thisDraw = ++latestDraw;
    if (!all.value.length) return;
    const pane = active.value;
    const pictures = session.panes.pictures[session.panes.index.value];
    const at = pane.position.value;
    const paint = (picture: ImageBitmap) => {
      if (latestDraw === thisDraw) drawFrames(frames, all.value, picture, pane.box);
    };
    const picture = pictures?.peek(at);
    if (picture) paint(picture);
    else pictures?.load(at).then(paint, () => {});
  });

  /** The share of a thumbnail's attention in the current slice or, if one is given, in one of its cells. */
  const shareOf = ({ heat }: Thumbnail, cell?: number) => {
    const map = mapAt(heat, moment.value);
    return (cell === undefined ? map.reduce((sum, value) => sum + value) : map[cell]) * heat.maxShare;
  };
  const value = h("div", { class: "staa-board-value" });
  watch(until, () => {
    const [at = -1, row = 0, column = 0] = pointed.value ?? [];
    const thumbnail = all.value[at];
    value.hidden = !thumbnail;
    if (!thumbnail) return;
    const { heat, x, y } = thumbnail;
    const share = percent(shareOf(thumbnail, row * heat.columns + column));
    value.replaceChildren(h("b", {}, nameOf(thumbnail)), `\n${share} of its attention in this cell`);
    const [width, height] = thumbnailsSize(all.value);
    const [left, top] = [(x + heat.columns / 2) / width, (y + heat.rows) / height];
    const above = top > 0.7;
    value.style.cssText = `left:${100 * left}%;top:${100 * (above ? y / height : top)}%;translate:${-100 * left}% ${above ? "calc(-100% - 4px)" : "4px"}`;
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
  const headNumbers = h("div", { class: "staa-numbers", "aria-hidden": "true" });
  const layerNumbers = h("div", { class: "staa-numbers", "aria-hidden": "true" });
  const thumbs = h(
    "div",
    { class: "staa-thumbs" },
    h("div", { "aria-hidden": "true" }, "heads →"),
    headNumbers,
    h("div", { class: "staa-up", "aria-hidden": "true" }, "layers →"),
    layerNumbers,
    h("div", { class: "staa-board" }, frames, canvas, grid, value),
  );
  const note = h(
    "p",
    { class: "staa-quiet" },
    "Attention of each head in this slice. Each is scaled to its own maximum in the clip. Click one to see it large.",
  );
  const element = fold(
    session,
    "heads",
    [h("b", {}, "Layers × heads"), count],
    [note, thumbs, h("div", { class: "staa-row" }, description, joint)],
    (isOpen) => {
      open.value = isOpen;
    },
  );
  const number = (text: string, side: "left" | "top", from: number, length: number, whole: number) => {
    const element = h("span", {}, text);
    element.style[side] = `${(100 * from) / whole}%`;
    element.style[side === "left" ? "width" : "height"] = `${(100 * length) / whole}%`;
    return element;
  };
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
      const [width, height] = thumbnailsSize(all.value);
      const ofHead = ({ head, x, heat }: Thumbnail) =>
        number(head < 0 ? "mean" : `${head + 1}`, "left", x, heat.columns, width);
      const ofLayer = ({ layer, y, heat }: Thumbnail) => number(`${layer + 1}`, "top", y, heat.rows, height);
      headNumbers.replaceChildren(...all.value.slice(0, heads + 1).map(ofHead));
      layerNumbers.replaceChildren(...all.value.filter(({ head }) => head < 0).map(ofLayer));
      builtShape = shape;
    }
    const { box } = active.value;
    const [{ heat: first }] = all.value;
    const cellShape = (box[2] - box[0]) / first.columns / ((box[3] - box[1]) / first.rows);
    const [wide, high] = thumbnailsSize(all.value);
    canvas.style.aspectRatio = `${(wide * cellShape) / high}`;
    for (const [at, thumbnail] of all.value.entries()) {
      const { x, y, heat } = thumbnail;
      placeRectangle(cells[at], { size: thumbnailsSize(all.value) }, [x, y, x + heat.columns, y + heat.rows]);
      cells[at].setAttribute("aria-label", describeThumbnail(thumbnail));
      cells[at].tabIndex = at === Math.max(chosen.value, 0) ? 0 : -1;
      cells[at].setAttribute("aria-selected", String(at === chosen.value));
    }
    joint.setAttribute("aria-pressed", String(chosen.value < 0));
    const described = all.value[focusedAt.value] ?? all.value[chosen.value];
    description.textContent = described
      ? `${describeThumbnail(described)}, ${percent(shareOf(described))} of its attention in this slice`
      : "all layers";
  });
  return element;
}
