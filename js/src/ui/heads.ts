import { drawHeads, headsOf, sizeOf } from "../heat/heads.js";
import { heatOf } from "../heat/maps.js";
import type { Session } from "../session.js";
import { computed, signal } from "../signals.js";
import { watch } from "../state.js";
import { h, seconds, svg } from "./dom.js";

/**
 * Thumbnails of every layer and head at the moment on show. A click looks at one alone, another at the mean of its layer,
 * a third at the joint map. Nothing where the explanation carries no attention.
 */
export function heads(session: Session): HTMLElement {
  const { active, meta, slice, state, until } = session;
  const open = signal(false);
  // Maps are counted as `headsOf` does.
  const facts = computed(() => (meta.value.attention ? headsOf(active.value.payload.value) : null));
  const live = computed(() => (open.value ? facts.value : null));
  /** Under the pointer or the focus, or -1. */
  const pointed = signal(-1);
  /** On show, or -1 for the joint map. */
  const chosen = computed(() => {
    const [layers, heads] = meta.value.attention ?? [0, 0];
    const [layer, head] = [state.layer.value, state.head.value];
    return layer < 0 || layer >= layers ? -1 : layer * (heads + 1) + (head < 0 || head >= heads ? heads : head);
  });
  const split = (at: number): [layer: number, head: number] => {
    const across = facts.peek()!.heads + 1;
    return [Math.floor(at / across), at % across];
  };

  const canvas = h("canvas", { "aria-hidden": "true" });
  const grid = h("div", { role: "grid", "aria-label": "Layers and heads" });
  let cells: HTMLElement[] = [];
  const cellOf = ({ target }: Event) => cells.indexOf(target as HTMLElement);
  const on = <K extends keyof HTMLElementEventMap>(type: K, run: (at: number, event: HTMLElementEventMap[K]) => void) =>
    grid.addEventListener(type, (event) => run(cellOf(event), event));
  on("click", (at) => {
    const [layer, head] = split(at);
    const mean = head === facts.peek()!.heads;
    const again = at === chosen.peek();
    state.layer.value = again && mean ? -1 : layer;
    state.head.value = again || mean ? -1 : head;
  });
  on("pointerover", (at) => {
    pointed.value = at;
  });
  on("focusin", (at) => {
    pointed.value = at;
    enter(at);
  });
  for (const type of ["pointerleave", "focusout"] as const)
    on(type, () => {
      pointed.value = -1;
    });
  on("keydown", (at, event) => {
    const { heads } = facts.peek()!;
    const first = at - split(at)[1];
    const to = {
      ArrowUp: at + heads + 1,
      ArrowDown: at - heads - 1,
      ArrowLeft: Math.max(at - 1, first),
      ArrowRight: Math.min(at + 1, first + heads),
      Home: first,
      End: first + heads,
    }[event.key];
    if (to === undefined || event.shiftKey) return;
    cells[to]?.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  /** Let Tab reach one cell. */
  const enter = (at: number) => {
    for (const [i, cell] of cells.entries()) cell.tabIndex = i === at ? 0 : -1;
  };

  const build = (layers: number, heads: number) => {
    const [, rows, columns] = meta.value.grid;
    // Tracks of thumbnails and of what lies between them, as they are drawn.
    grid.style.gridTemplate = `repeat(${layers},${rows}fr 1fr)/repeat(${heads},${columns}fr 1fr) 2fr ${columns}fr 1fr`;
    cells = Array.from({ length: layers * (heads + 1) }, (_, at) => {
      const [layer, head] = split(at);
      const cell = h("button", { type: "button", role: "gridcell" });
      cell.style.gridArea = `${2 * (layers - layer) - 1}/${2 * head + (head < heads ? 1 : 2)}`;
      return cell;
    });
    const row = (_: unknown, i: number) => {
      const first = (layers - 1 - i) * (heads + 1);
      return h("div", { role: "row" }, ...cells.slice(first, first + heads + 1));
    };
    grid.replaceChildren(...Array.from({ length: layers }, row));
    enter(0);
  };
  let image: ImageData | null = null;
  watch(until, () => {
    if (!live.value) return;
    const { payload, clock, position } = active.value;
    const [width, height] = sizeOf(payload.value);
    if (image?.width !== width || image.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      image = new ImageData(width, height);
    }
    const at = slice.value;
    const moment = state.between.value === "blended" ? clock.blend(position.value) : { from: at, to: at, mix: 0 };
    const { colours } = payload.value;
    const table = colours.get(state.colormap.value) ?? colours.get("inferno")!;
    drawHeads(image.data, payload.value, live.value, moment, table);
    canvas.getContext("2d")!.putImageData(image, 0, 0);
  });

  let built = "";
  const words = (at: number, of: (count: number) => string) => {
    const { layers, heads } = facts.value!;
    const [layer, head] = split(at);
    const which = head < heads ? `head ${head + 1}${of(heads)}` : "mean of heads";
    return `layer ${layer + 1}${of(layers)}, ${which}`;
  };
  const peak = (at: number) => {
    const seen = meta.value.sampled_times[facts.value!.peaks[at]];
    return `peaks at ${seconds((seen[0] + seen[seen.length - 1]) / 2)}`;
  };
  watch(until, () => {
    if (!live.value) return;
    const { layers, heads } = live.value;
    const layout = [layers, heads, ...meta.value.grid].join();
    if (layout !== built) build(layers, heads);
    built = layout;
    for (const [at, cell] of cells.entries()) {
      cell.setAttribute("aria-label", `${words(at, (count) => ` of ${count}`)}, ${peak(at)}`);
      cell.setAttribute("aria-selected", String(at === chosen.value));
    }
  });

  const about = h("p", { class: "staa-trim" });
  const [line, now] = [svg("path"), svg("path", { class: "staa-now-bar" })];
  const curve = svg("svg", { class: "staa-curve", preserveAspectRatio: "none", "aria-hidden": "true" }, line, now);
  const click = () => {
    state.layer.value = -1;
  };
  const title = "The joint map of all layers (↓)";
  const joint = h("button", { class: "staa-button staa-small staa-end", type: "button", title, click }, "Joint");
  const told = computed(() => (pointed.value < 0 ? chosen.value : pointed.value));
  const shares = computed(() => {
    const [layer, head] = told.value < 0 ? [-1, -1] : split(told.value);
    return heatOf(active.value.payload.value, layer, head, state.smooth.value).temporal;
  });
  watch(until, () => {
    joint.setAttribute("aria-pressed", String(chosen.value < 0));
    if (!live.value) return;
    const at = told.value;
    about.replaceChildren(
      h("b", {}, at < 0 ? "joint map" : words(at, () => "")),
      ` · ${at < 0 ? meta.value.method : peak(at)}`,
    );
    const top = Math.max(...shares.value);
    const bar = (share: number, s: number) => `M${s + 0.5} 1V${1 - share / top}`;
    curve.setAttribute("viewBox", `0 0 ${shares.value.length} 1`);
    line.setAttribute("d", Array.from(shares.value, bar).join(""));
    now.setAttribute("d", bar(shares.value[slice.value], slice.value));
  });

  const [across, up, count] = [h("span"), h("div", { class: "staa-up" }), h("span", { class: "staa-quiet" })];
  const board = h("div", { class: "staa-board" }, canvas, grid);
  const thumbs = h("div", { class: "staa-thumbs" }, h("div", {}, across, h("span", {}, "mean")), up, board);
  const toggle = () => {
    open.value = element.open;
  };
  const element = h(
    "details",
    { class: "staa-heads", toggle },
    h("summary", { title: "Each over its own maximum of the clip" }, h("b", {}, "Layers × heads"), count),
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
