import type { Session } from "../session.js";
import { signal } from "../signals.js";
import { watch } from "../state.js";
import { h } from "./dom.js";
import { type Pointed, screen, versus } from "./screen.js";
import { wiper } from "./wiper.js";

/** The panes as the view has them: all of them, one, one beside its frame or over another, or what is between two. */
export function stage(session: Session): HTMLElement {
  const { panes, active, next, view, names, state, host, until } = session;
  const pointed = signal<Pointed | null>(null);
  const several = panes.length > 1;
  const add = (pane: Parameters<typeof screen>[1], i: number, visible: () => boolean, plain = false) =>
    screen(session, pane, { store: session.pictures[i], visible, pointed, plain });

  const alone = panes.map((pane, i) =>
    add(pane, i, () => pane === active.value && (view.value === "side" || (!several && view.value === "wipe")), true),
  );
  const drawn = panes.map((pane, i) =>
    add(pane, i, () => {
      const here = pane === active.value && view.value !== "difference";
      return here || view.value === "grid" || (view.value === "wipe" && pane === next.value);
    }),
  );
  const taken = session.differences.map(
    (difference, i) =>
      difference && add(difference, i, () => difference === session.difference.value && view.value === "difference"),
  );

  const cells = panes.map((_, i) => {
    const choose = () => {
      state.pane.value = i;
    };
    const heading = h("button", {
      class: "staa-button staa-trim staa-tab",
      type: "button",
      hidden: !several,
      click: choose,
    });
    watch(until, () => {
      const name = names.value[i];
      const { pane } = host.work.running.value?.wish ?? {};
      heading.textContent = name;
      heading.title = pane === i ? `${name}: computing` : `${name} (P)`;
      heading.setAttribute("aria-pressed", String(active.value === panes[i]));
      heading.toggleAttribute("data-busy", pane === i);
    });
    drawn[i].addEventListener("pointerdown", () => view.peek() === "grid" && choose());
    return h("div", { class: "staa-pane" }, heading, alone[i], drawn[i]);
  });
  watch(until, () => {
    // Over which of the others a picture lies.
    const upper = view.value === "wipe" ? (several ? next.value : active.value) : null;
    for (const [i, element] of drawn.entries()) element.classList.toggle("staa-upper", panes[i] === upper);
  });

  const corner = h("span", { class: "staa-corner" });
  watch(until, () => {
    const difference = view.value === "difference" ? session.difference.value : null;
    corner.hidden = !difference;
    corner.textContent = difference && versus(difference);
  });
  const toast = h("div", { class: "staa-toast", role: "status", "aria-live": "polite" });
  const shots = taken.filter((one) => one !== null);
  const share = signal(50);
  const element = h("div", {}, ...cells, ...shots, wiper(session, share), corner, toast);

  const shapes = panes.map(({ size: [width, height] }) => width / height);
  // Of the cells of a grid: between the widest and the tallest.
  const shape = shapes.reduce((product, one) => product * one, 1) ** (1 / panes.length);
  const across = columns(panes.length, shape);
  const style = (name: string, value: string | number) => element.style.setProperty(`--staa-${name}`, String(value));
  watch(until, () => {
    style("wide", Math.max(...[active, next].map(({ value }) => shapes[panes.indexOf(value)])));
    style("share", share.value / 100);
  });
  style("shape", shape);
  style("across", across);
  style("down", Math.ceil(panes.length / across));
  style("panes", panes.length);
  watch(until, () => {
    element.className = `staa-stage staa-${view.value}${several ? " staa-several" : ""}`;
    style("height", state.height.value > 0 ? `${state.height.value}px` : "");
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
export function columns(panes: number, shape: number): number {
  if (panes === 3) return shape < 1.15 ? 3 : 2;
  if (panes === 4) return shape < 0.85 ? 4 : 2;
  return panes;
}
