// The progress of a request, or its error with a hint and a button to retry.

import { watch } from "../core/reactive.js";
import type { Request, RequestRunner } from "../host/requests.js";
import type { Session } from "../session/session.js";
import { button, h } from "./dom.js";

/**
 * How far a request has come, under `title` and in the place of `about` so that nothing moves; then what went wrong and
 * what to do, the traceback folded away. `next` takes the focus when a button goes.
 */
export function requestStatus(
  { host: { kernel }, until }: Session,
  work: RequestRunner,
  title: (wish: Request) => (Node | string)[],
  next: HTMLElement,
  about: HTMLElement,
): HTMLElement[] {
  const act = (text: string, run: () => void, look?: string) =>
    button(
      text,
      () => {
        next.focus();
        run();
      },
      look,
    );
  const words = h("p", { class: "staa-trim" });
  const bar = h("span", { class: "staa-fill" });
  const meter = h("span", { class: "staa-meter", role: "progressbar", "aria-label": "Computing" }, bar);
  const step = h("p", { class: "staa-quiet" });
  const cancel = act("Cancel", work.cancel, "staa-small staa-end");
  const computing = h("div", {}, h("div", { class: "staa-row" }, words, cancel), meter, step);
  watch(until, () => {
    const now = work.running.value;
    about.classList.toggle("staa-away", !!now);
    computing.classList.toggle("staa-away", !now);
    if (!now) return;
    words.replaceChildren(...title(now.request));
    const { done, total, label } = now.progress ?? { done: 0, total: 0, label: "" };
    const share = Math.round((100 * done) / (total || 1));
    bar.style.width = `${share}%`;
    meter.setAttribute("aria-valuenow", String(share));
    const busy = kernel.state.value === "busy" ? ": it is running a cell" : "";
    step.textContent = now.progress ? `${label} · ${done} of ${total}` : `Waiting for the kernel${busy}`;
  });

  const failure = h("div", { role: "alert" });
  const dismiss = () => {
    work.failed.value = null;
  };
  const retry = act("Retry", () => work.start(work.failed.peek()!.request));
  const actions = h("div", { class: "staa-row" }, retry, act("Dismiss", dismiss));
  watch(until, () => {
    const failed = work.failed.value;
    retry.disabled = kernel.state.value === "gone";
    if (!failed) return failure.replaceChildren();
    const { message, hint, traceback } = failed.failure;
    const more = h("details", {}, h("summary", {}, "Traceback"), h("pre", { tabindex: 0 }, traceback));
    const card = h("div", { class: "staa-card staa-alert" }, h("b", {}, message), h("p", {}, hint), actions);
    if (traceback) card.append(more);
    failure.replaceChildren(card);
  });
  return [h("div", { class: "staa-stack" }, about, computing), failure];
}
