import type { Pane, Shown } from "../pane.js";
import type { Session } from "../session.js";
import { signal } from "../signals.js";
import { watch } from "../state.js";
import { button, h } from "./dom.js";
import { type Pointed, screen } from "./screen.js";
import { wiper } from "./wiper.js";

/** The panes as the view has them: all of them, one, one beside its frame or over another, or what is between two. */
export function stage(session: Session): HTMLElement {
  const { panes, active, next, view, names, state, host, until } = session;
  const several = panes.length > 1;
  const pointed = signal<Pointed | null>(null);
  const add = (pane: Shown, i: number, visible: (way: string) => boolean, plain = false) =>
    screen(session, pane, session.pictures[i], () => visible(view.value), plain ? null : pointed);
  const cell = (pane: Pane, i: number) => {
    const here = () => pane === active.value;
    const choose = () => {
      state.pane.value = i;
    };
    const heading = button("", choose, "staa-trim staa-tab");
    heading.hidden = !several;
    const alone = (way: string) => here() && (way === "side" || (way === "wipe" && !several));
    const among = (way: string) =>
      way === "grid" || (here() ? way !== "difference" : way === "wipe" && pane === next.value);
    const drawn = add(pane, i, among);
    drawn.addEventListener("pointerdown", () => view.peek() === "grid" && choose());
    watch(until, () => {
      const busy = host.work.running.value?.wish.pane === i;
      heading.textContent = names.value[i];
      heading.title = `${names.value[i]}${busy ? ": computing" : " (P)"}`;
      heading.setAttribute("aria-pressed", String(here()));
      heading.toggleAttribute("data-busy", busy);
      // It lies over the other one.
      const upper = view.value === "wipe" && (several ? !here() : here());
      drawn.classList.toggle("staa-upper", upper);
    });
    return h("div", { class: "staa-pane" }, heading, add(pane, i, alone, true), drawn);
  };
  const taken = session.differences.map(
    (one, i) => one && add(one, i, (way) => way === "difference" && one === session.difference.value),
  );
  const toast = h("div", { class: "staa-toast", role: "status", "aria-live": "polite" });
  const share = signal(50);
  const element = h("div", {}, ...panes.map(cell), ...taken, wiper(session, share), toast);

  // Of the cells of a grid: between the widest and the tallest.
  const shapeOf = ({ size: [width, height] }: Pane) => width / height;
  const shape = panes.reduce((product, pane) => product * shapeOf(pane), 1) ** (1 / panes.length);
  const across = columns(panes.length, shape);
  const down = Math.ceil(panes.length / across);
  watch(until, () => {
    const wide = Math.max(shapeOf(active.value), shapeOf(next.value));
    const height = state.height.value > 0 ? `--staa-height:${state.height.value}px` : "";
    element.className = `staa-stage staa-${view.value}${several ? " staa-several" : ""}`;
    element.style.cssText = `--staa-shape:${shape};--staa-across:${across};--staa-down:${down};--staa-panes:${panes.length};--staa-wide:${wide};--staa-share:${share.value / 100};${height}`;
  });

  let quiet: ReturnType<typeof setTimeout> | undefined;
  watch(until, () => {
    toast.textContent = host.notice.value.text;
    clearTimeout(quiet);
    quiet = setTimeout(() => toast.replaceChildren(), 2500);
  });
  until.addEventListener("abort", () => clearTimeout(quiet));
  return element;
}

/** How many panes stand side by side where there is room, so that pictures of this shape come out large. */
export const columns = (panes: number, shape: number): number =>
  panes < 3 || shape < (panes === 3 ? 1.15 : 0.85) ? panes : 2;
