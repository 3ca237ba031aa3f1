import type { Session } from "../session.js";
import { watch } from "../state.js";
import type { Wish, Work } from "../work.js";
import { h } from "./dom.js";

/**
 * How far a request has come, under `title`; takes the place of `about` so that nothing moves. `next` takes the focus
 * when it is cancelled.
 */
export function computing(
  { host: { kernel }, until }: Session,
  work: Work,
  title: (wish: Wish) => (Node | string)[],
  next: HTMLElement,
  about?: HTMLElement,
): HTMLElement {
  const words = h("p", { class: "staa-trim" });
  const bar = h("span", { class: "staa-fill" });
  const meter = h("span", { class: "staa-meter", role: "progressbar", "aria-label": "Computing" }, bar);
  const step = h("p", { class: "staa-quiet" });
  const cancel = h(
    "button",
    {
      class: "staa-button staa-small staa-end",
      type: "button",
      click: () => {
        next.focus();
        work.cancel();
      },
    },
    "Cancel",
  );
  const element = h("div", { class: "staa-computing" }, h("div", { class: "staa-row" }, words, cancel), meter, step);
  watch(until, () => {
    const now = work.running.value;
    about?.classList.toggle("staa-away", now !== null);
    element.classList.toggle("staa-away", now === null);
    if (!now) return;
    words.replaceChildren(...title(now.wish));
    const { done, total, label } = now.progress ?? { done: 0, total: 0, label: "" };
    const share = total > 0 ? Math.round((100 * done) / total) : 0;
    bar.style.width = `${share}%`;
    meter.setAttribute("aria-valuenow", String(share));
    const waiting = kernel.state.value === "busy" ? "waiting: the kernel is running a cell" : "waiting for the kernel";
    step.textContent = now.progress ? `${label} · ${done} of ${total}` : waiting;
  });
  return element;
}
