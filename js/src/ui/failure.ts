import type { Session } from "../session.js";
import { watch } from "../state.js";
import type { Work } from "../work.js";
import { h } from "./dom.js";

/** What went wrong and what to do; the traceback stays folded away. `next` takes the focus when this goes. */
export function failure(
  { host: { kernel }, until }: Session,
  work: Work,
  next: HTMLElement,
  able = () => kernel.computes.value,
): HTMLElement {
  const element = h("div", { role: "alert" });
  const act = (text: string, run: () => void) =>
    h(
      "button",
      {
        class: "staa-button staa-small",
        type: "button",
        click: () => {
          next.focus();
          run();
        },
      },
      text,
    );
  const retry = act("Retry", () => work.retry());
  const dismiss = act("Dismiss", () => work.dismiss());
  watch(until, () => {
    const failed = work.failed.value;
    if (!failed) return element.replaceChildren();
    const { message, hint, traceback } = failed.failure;
    const more = h("details", {}, h("summary", {}, "Traceback"), h("pre", { tabindex: 0 }, traceback));
    return element.replaceChildren(
      h(
        "div",
        { class: "staa-card staa-alert" },
        h("b", {}, message),
        h("p", {}, hint),
        h("div", { class: "staa-row" }, retry, dismiss),
        traceback ? more : "",
      ),
    );
  });
  watch(until, () => {
    retry.disabled = !able();
  });
  return element;
}
