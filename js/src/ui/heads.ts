import { drawHeads, headsOf, sizeOf } from "../heat/heads.js";
import { heatOf } from "../heat/maps.js";
import type { Session } from "../session.js";
import { computed, signal } from "../signals.js";
import { watch } from "../state.js";
import { h, seconds, svg } from "./dom.js";

type Place = readonly [layer: number, head: number];

/**
 * Thumbnails of every layer and head at the moment on show. A click looks at one alone, another at the mean of its layer,
 * a third at the joint map. Nothing where the explanation carries no attention.
 */
export function heads(session: Session): HTMLElement {
  const { active, meta, slice, state, until } = session;
  const open = signal(false);
  /** Under the pointer or the focus. */
  const pointed = signal<Place | null>(null);
  const size = computed(() => String(meta.value.attention ?? ""));
  const facts = computed(() => headsOf(active.value.payload.value));
  const mean = () => facts.value.heads;
  const chosen = computed((): Place | null => {
    const { attention } = meta.value;
    const [layer, head] = [state.layer.value, state.head.value];
    if (!attention || layer < 0 || layer >= attention[0]) return null;
    return [layer, head < 0 || head >= attention[1] ? attention[1] : head];
  });
  const words = ([layer, head]: Place, total = (_: number) => ""): string => {
    const { layers, heads } = facts.value;
    const which = head < heads ? `head ${head + 1}${total(heads)}` : "mean of heads";
    return `layer ${layer + 1}${total(layers)}, ${which}`;
  };
  const peak = ([layer, head]: Place): string => {
    const { peaks, heads } = facts.value;
    const seen = meta.value.sampled_times[peaks[layer * (heads + 1) + head]];
    return `peaks at ${seconds((seen[0] + seen[seen.length - 1]) / 2)}`;
  };
  const choose = ([layer, head]: Place) => {
    const [was, one] = chosen.peek() ?? [-1, -1];
    const again = was === layer && one === head;
    // Again: from a head to the mean of its layer, from there to the joint map.
    state.layer.value = again && head === mean() ? -1 : layer;
    state.head.value = again || head === mean() ? -1 : head;
  };

  const canvas = h("canvas", { "aria-hidden": "true" });
  const grid = h("div", { role: "grid", "aria-label": "Layers and heads" });
  const board = h("div", { class: "staa-board" }, canvas, grid);
  const cellAt = (layer: number, head: number): HTMLElement | null =>
    (grid.children[facts.peek().layers - 1 - layer]?.children[head] as HTMLElement) ?? null;
  watch(until, () => {
    if (!size.value || !open.value) return;
    const { layers, heads } = facts.peek();
    const [, rows, columns] = meta.peek().grid;
    // Tracks of thumbnails and of what lies between them, as they are drawn.
    grid.style.gridTemplate = `repeat(${layers},${rows}fr 1fr)/repeat(${heads},${columns}fr 1fr) 2fr ${columns}fr 1fr`;
    grid.replaceChildren(
      ...Array.from({ length: layers }, (_, row) => {
        const layer = layers - 1 - row;
        const cells = Array.from({ length: heads + 1 }, (_, head) => {
          const here = [layer, head] as const;
          const point = () => {
            pointed.value = here;
          };
          const cell = h("button", {
            type: "button",
            role: "gridcell",
            tabindex: -1,
            click: () => choose(here),
            pointerenter: point,
            focus: () => {
              for (const other of grid.querySelectorAll<HTMLElement>("[tabindex='0']")) other.tabIndex = -1;
              cellAt(layer, head)!.tabIndex = 0;
              point();
            },
          });
          cell.style.gridArea = `${2 * row + 1}/${2 * head + (head < heads ? 1 : 2)}`;
          return cell;
        });
        return h("div", { role: "row" }, ...cells);
      }),
    );
    cellAt(0, 0)!.tabIndex = 0;
  });
  watch(until, () => {
    if (!size.value || !open.value) return;
    const of = (count: number) => ` of ${count}`;
    const [at, one] = chosen.value ?? [-1, -1];
    const { layers, heads } = facts.value;
    for (let layer = 0; layer < layers; layer++) {
      for (let head = 0; head <= heads; head++) {
        const cell = cellAt(layer, head)!;
        cell.setAttribute("aria-label", `${words([layer, head], of)}, ${peak([layer, head])}`);
        cell.setAttribute("aria-selected", String(layer === at && head === one));
      }
    }
  });
  const forget = () => {
    pointed.value = null;
  };
  grid.addEventListener("pointerleave", forget);
  grid.addEventListener("focusout", forget);
  grid.addEventListener("keydown", (event) => {
    const { layers, heads } = facts.peek();
    const cell = event.target as HTMLElement;
    const row = cell.parentElement!;
    const layer = layers - 1 - [...grid.children].indexOf(row);
    const head = [...row.children].indexOf(cell);
    const to = {
      ArrowUp: [layer + 1, head],
      ArrowDown: [layer - 1, head],
      ArrowLeft: [layer, head - 1],
      ArrowRight: [layer, head + 1],
      Home: [layer, 0],
      End: [layer, heads],
    }[event.key];
    if (!to || event.shiftKey) return;
    cellAt(Math.min(Math.max(to[0], 0), layers - 1), Math.min(Math.max(to[1], 0), heads))?.focus();
    event.preventDefault();
    event.stopPropagation();
  });

  let image = new ImageData(1, 1);
  watch(until, () => {
    if (!size.value || !open.value) return;
    const { payload, clock, position } = active.value;
    const [width, height] = sizeOf(payload.value);
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      image = new ImageData(width, height);
    }
    const at = slice.value;
    const moment = state.between.value === "blended" ? clock.blend(position.value) : { from: at, to: at, mix: 0 };
    const { colours } = payload.value;
    drawHeads(
      image.data,
      payload.value,
      facts.value,
      moment,
      colours.get(state.colormap.value) ?? colours.get("inferno")!,
    );
    canvas.getContext("2d")!.putImageData(image, 0, 0);
  });

  const about = h("p", { class: "staa-trim" });
  const line = svg("path");
  const now = svg("path", { class: "staa-now-bar" });
  const curve = svg("svg", { class: "staa-curve", preserveAspectRatio: "none", "aria-hidden": "true" }, line, now);
  const series = computed(() => {
    const [layer, head] = pointed.value ?? chosen.value ?? [-1, -1];
    return heatOf(active.value.payload.value, layer, head, state.smooth.value).temporal;
  });
  watch(until, () => {
    if (!size.value || !open.value) return;
    const place = pointed.value ?? chosen.value;
    about.replaceChildren(
      h("b", {}, place ? words(place) : "joint map"),
      ` · ${place ? peak(place) : meta.value.method}`,
    );
    const shares = series.value;
    const top = Math.max(...shares);
    const bar = (share: number, s: number) => `M${s + 0.5} 1V${1 - share / top}`;
    curve.setAttribute("viewBox", `0 0 ${shares.length} 1`);
    line.setAttribute("d", Array.from(shares, bar).join(""));
    now.setAttribute("d", bar(shares[slice.value], slice.value));
  });

  const joint = h(
    "button",
    {
      class: "staa-button staa-small staa-end",
      type: "button",
      title: "The map of the method, of all layers (↓)",
      click: () => {
        state.layer.value = -1;
      },
    },
    "Joint map",
  );
  watch(until, () => joint.setAttribute("aria-pressed", String(chosen.value === null)));
  const [across, up, count] = [h("span", {}), h("div", { class: "staa-up" }), h("span", { class: "staa-quiet" })];
  const thumbs = h("div", { class: "staa-thumbs" }, h("div", {}, across, h("span", {}, "mean")), up, board);
  const element = h(
    "details",
    {
      class: "staa-heads",
      toggle: () => {
        open.value = element.open;
      },
    },
    h(
      "summary",
      { title: "Each over its own maximum of the clip" },
      h("span", { class: "staa-title" }, "Layers × heads"),
      count,
    ),
    thumbs,
    h("div", { class: "staa-row" }, curve, about, joint),
  );
  watch(until, () => {
    const [layers, heads] = meta.value.attention ?? [0, 0];
    element.hidden = !layers;
    count.textContent = ` ${layers} × ${heads} maps at this moment`;
    thumbs.style.maxWidth = `${Math.max(6, heads + 1) * 44}px`;
    up.textContent = `layers 1 → ${layers}`;
    across.textContent = `heads 1 → ${heads}`;
  });
  return element;
}
