import { FrameStore } from "../frames/store.js";
import type { Pane } from "../pane.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h } from "./dom.js";
import { screen } from "./screen.js";

/** Pictures to decode ahead of the one on show. */
const AHEAD = 6;

/** The panes as the view has them: one over the other, side by side, all of them. */
export function stage(session: Session): { element: HTMLElement; canvas: () => HTMLCanvasElement } {
  const { panes, active, state, until } = session;
  const stores = panes.map((pane, i) => {
    const same = panes.findIndex(({ payload }) => payload.peek().jpegs === pane.payload.peek().jpegs);
    return same < i ? same : storeOf(pane, until);
  });
  const storeAt = (i: number): FrameStore | null => {
    const store = stores[i];
    return typeof store === "number" ? storeAt(store) : store;
  };
  const { view } = state;
  const alone = panes.map((pane, i) =>
    screen(session, pane, storeAt(i), () => pane === active.value && view.value === "side", true),
  );
  const drawn = panes.map((pane, i) =>
    screen(session, pane, storeAt(i), () => pane === active.value || view.value === "grid"),
  );
  const toast = h("div", { class: "staa-toast", role: "status", "aria-live": "polite" });
  const pictures = panes.flatMap((_, i) => [alone[i].element, drawn[i].element]);
  const element = h("div", { class: "staa-stage" }, ...pictures, toast);

  watch(until, () => {
    element.className = `staa-stage staa-${view.value}`;
    element.style.setProperty("--staa-height", state.height.value > 0 ? `${state.height.value}px` : "");
  });

  let quiet: ReturnType<typeof setTimeout> | undefined;
  watch(until, () => {
    toast.textContent = session.host.notice.value.text;
    clearTimeout(quiet);
    quiet = setTimeout(() => toast.replaceChildren(), 2500);
  });
  until.addEventListener("abort", () => clearTimeout(quiet));
  return { element, canvas: () => drawn[panes.indexOf(active.peek())].canvas };
}

/** Pictures of a pane, decoded a little ahead; `null` where it carries none. */
function storeOf({ film, payload, position, clock }: Pane, until: AbortSignal): FrameStore | null {
  const { pictures } = film;
  if (!pictures) return null;
  const store = new FrameStore(payload.peek().jpegs, pictures.offsets, pictures.size);
  until.addEventListener("abort", () => store.close());
  watch(until, () => {
    const at = position.value;
    for (let ahead = at + 1; ahead <= Math.min(at + AHEAD, clock.count - 1); ahead++) {
      store.load(ahead).catch(() => undefined);
    }
  });
  return store;
}
