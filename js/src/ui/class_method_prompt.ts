// A prompt for another method, when a class was chosen but the current method is the same for all classes.

import type { Signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import type { Session } from "../session/session.js";
import { button, fillOptions, h } from "./dom.js";
import { methodOptions } from "./method_menu.js";

/**
 * Offer methods that depend on the class when a class was chosen but the current method does not. `restoreFocus` is called
 * when the prompt closes.
 */
export function classMethodPrompt(
  session: Session,
  pendingClass: Signal<number | null>,
  restoreFocus: () => void,
): HTMLElement {
  const { host, until } = session;
  const { meta } = session.view;
  const text = h("p");
  const select = h("select", { class: "staa-select", "aria-label": "Method for one class" });
  const explain = button("Explain", () => {
    session.actions.explain(select.value, pendingClass.peek()!);
    close();
  });
  const close = () => {
    restoreFocus();
    pendingClass.value = null;
  };
  const controls = h("div", { class: "staa-row" }, select, explain, button("Not now", close));
  const element = h("div", { class: "staa-card", role: "group", "aria-live": "polite" }, text, controls);
  watch(until, () => {
    const { methods, method, method_title, labels, class_specific } = meta.value;
    const target = pendingClass.value;
    element.hidden = target === null || class_specific;
    if (element.hidden) return;
    const classMethods = methods.filter((one) => one.class_specific);
    fillOptions(select, methodOptions(classMethods));
    // Prefer a method of the same family, such as `staa_logit` for `staa`.
    select.value = (classMethods.find(({ name }) => name.startsWith(method)) ?? classMethods[0])?.name;
    text.replaceChildren(
      "The map of ",
      h("b", {}, method_title),
      ` is the same for every class. Explain “${readable(labels[target!])}” with`,
    );
    explain.disabled = !(classMethods[0] && host.kernel.canCompute.value);
  });
  return element;
}
