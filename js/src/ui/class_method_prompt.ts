// A prompt for another method, when a class was chosen but the method on show is the same for all classes.

import type { Signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import type { Session } from "../session/session.js";
import { button, fillOptions, h } from "./dom.js";
import { methodOptions } from "./method_menu.js";

/** Where a class was chosen but the method on show knows no classes: the methods that do. Then `back` takes the focus. */
export function classMethodPrompt(session: Session, asked: Signal<number | null>, back: () => void): HTMLElement {
  const { host, until } = session;
  const { meta } = session.view;
  const words = h("p");
  const select = h("select", { class: "staa-select", "aria-label": "Method for one class" });
  const explain = button("Explain", () => {
    session.actions.explain(select.value, asked.peek()!);
    close();
  });
  const close = () => {
    back();
    asked.value = null;
  };
  const controls = h("div", { class: "staa-row" }, select, explain, button("Not now", close));
  const element = h("div", { class: "staa-card", role: "group", "aria-live": "polite" }, words, controls);
  watch(until, () => {
    const { methods, method, labels, class_specific } = meta.value;
    const target = asked.value;
    element.hidden = target === null || class_specific;
    if (element.hidden) return;
    const able = methods.filter((one) => one.class_specific);
    fillOptions(select, methodOptions(able));
    // The sibling of the method on show answers the same question.
    select.value = (able.find(({ name }) => name.startsWith(method)) ?? able[0])?.name;
    words.replaceChildren(
      "The map of ",
      h("b", {}, method),
      ` is the same for every class. Explain “${labels[target!]}” with`,
    );
    explain.disabled = !(able[0] && host.kernel.canCompute.value);
  });
  return element;
}
