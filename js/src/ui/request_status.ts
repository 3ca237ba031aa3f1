// The progress of a request, or its error with a hint and a button to retry.

import { watch } from "../core/reactive.js";
import type { Request, RequestRunner } from "../host/requests.js";
import type { Rejection, Rpc } from "../host/rpc.js";
import type { Session } from "../session/session.js";
import { button, h } from "./dom.js";

/**
 * The progress of a request under `title`, in the place of `idleContent`, so that nothing moves; after a failure the
 * message and the hint, and the traceback on request. `focusTarget` gets the focus when a button disappears.
 */
export function requestStatus(
  { host: { kernel, rpc }, until }: Session,
  runner: RequestRunner,
  title: (request: Request) => (Node | string)[],
  focusTarget: HTMLElement,
  idleContent: HTMLElement,
): HTMLElement[] {
  const focusingButton = (text: string, run: () => void, className?: string) =>
    button(
      text,
      () => {
        focusTarget.focus();
        run();
      },
      className,
    );
  const heading = h("p", { class: "staa-trim" });
  const bar = h("span", { class: "staa-fill" });
  const meter = h("span", { class: "staa-meter", role: "progressbar", "aria-label": "Computing" }, bar);
  const stepText = h("p", { class: "staa-quiet" });
  const cancel = focusingButton("Cancel", runner.cancel, "staa-small staa-end");
  const progressElement = h("div", {}, h("div", { class: "staa-row" }, heading, cancel), meter, stepText);
  watch(until, () => {
    const current = runner.running.value;
    idleContent.classList.toggle("staa-away", !!current);
    progressElement.classList.toggle("staa-away", !current);
    if (!current) return;
    heading.replaceChildren(...title(current.request));
    const { done, total, label } = current.progress ?? { done: 0, total: 0, label: "" };
    const share = Math.round((100 * done) / (total || 1));
    bar.style.width = `${share}%`;
    meter.setAttribute("aria-valuenow", String(share));
    const busy = kernel.state.value === "busy" ? ": it is running a notebook cell" : "";
    stepText.textContent = current.progress ? `${label} · ${done} of ${total}` : `Waiting for the kernel${busy}`;
  });

  const failure = h("div", { role: "alert" });
  const dismiss = () => {
    runner.failed.value = null;
  };
  const retry = focusingButton("Retry", () => runner.start(runner.failed.peek()!.request));
  const actions = h("div", { class: "staa-row" }, retry, focusingButton("Dismiss", dismiss));
  watch(until, () => {
    const failed = runner.failed.value;
    retry.disabled = kernel.state.value === "gone";
    if (!failed) return failure.replaceChildren();
    const { message, hint, traceback } = failed.failure;
    const details = tracebackDetails(rpc, traceback);
    const card = h("div", { class: "staa-card staa-alert" }, h("b", {}, message), h("p", {}, hint), actions);
    if (traceback) card.append(details);
    failure.replaceChildren(card);
  });
  return [h("div", { class: "staa-stack" }, idleContent, progressElement), failure];
}

/** The traceback of an error, which is requested from the kernel when it is opened. */
function tracebackDetails(rpc: Rpc, key: string): HTMLElement {
  const text = h("pre", { tabindex: 0 });
  const load = () => {
    if (text.textContent) return;
    text.textContent = "Waiting for the kernel";
    rpc.request("traceback", { key }).answer.then(
      ({ result }) => {
        text.textContent = String(result.text);
      },
      ({ failure }: Rejection) => {
        text.textContent = `${failure.message} ${failure.hint}`;
      },
    );
  };
  return h("details", { toggle: load }, h("summary", {}, "Traceback"), text);
}
