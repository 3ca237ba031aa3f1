import type { Session } from "../session.js";
import type { Signal } from "../signals.js";
import { watch } from "../state.js";
import { fillOptions, h } from "./dom.js";
import { options } from "./method.js";

/**
 * Where a class was chosen but the method on show knows no classes: the methods that do. When it goes, the focus goes
 * back to the list.
 */
export function offer(session: Session, asked: Signal<number | null>, list: HTMLElement): HTMLElement {
  const { meta, host, until } = session;
  const words = h("p", {});
  const select = h("select", { class: "staa-select", "aria-label": "Method for one class" });
  const act = (text: string, run: (target: number) => void) => {
    const click = () => {
      const target = asked.peek()!;
      list.querySelector<HTMLElement>("[tabindex='0']")?.focus();
      asked.value = null;
      run(target);
    };
    return h("button", { class: "staa-button staa-small", type: "button", click }, text);
  };
  const explain = act("Explain", (target) => session.explain(select.value, target));
  const controls = h("div", { class: "staa-row" }, select, explain);
  const close = act("Not now", () => undefined);
  const element = h("div", { class: "staa-card", role: "group", "aria-live": "polite" }, words, controls);
  watch(until, () => {
    const { methods, method, labels, class_specific } = meta.value;
    const target = class_specific ? null : asked.value;
    element.hidden = target === null;
    if (target === null) return;
    const specific = methods.filter((one) => one.class_specific);
    const able = specific.map(({ name }) => name);
    fillOptions(select, options(specific));
    // The sibling of the method on show answers the same question.
    select.value = able.find((name) => name.startsWith(method)) ?? able[0] ?? "";
    const how = able.length > 0 ? `Explain “${labels[target]}” by` : "No method here is of one class.";
    words.replaceChildren("The map of ", h("b", {}, method), ` is the same for every class. ${how}`);
    controls.replaceChildren(...(able.length > 0 ? [select, explain, close] : [close]));
    explain.disabled = !host.kernel.computes.value;
  });
  return element;
}
