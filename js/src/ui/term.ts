// Words with a definition, which appears beside the word on hover and focus.

import { h } from "./dom.js";

/** Distance in pixels between a word and its definition, and between a definition and the edge of the page. */
const GAP = 6;

let count = 0;

/** A word that shows its definition on hover and focus. */
export function term(word: string, definition: string): HTMLElement {
  const id = `staa-definition-${++count}`;
  const tip = h("span", { class: "staa-tip", id, role: "tooltip", popover: "manual" }, definition);
  const show = () => {
    // Browsers without popovers show the definition to screen readers only.
    if (!tip.isConnected || !tip.showPopover || tip.matches(":popover-open")) return;
    tip.showPopover();
    const { left, top, bottom } = element.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = tip;
    const below = bottom + GAP + offsetHeight < innerHeight;
    tip.style.left = `${Math.max(GAP, Math.min(left, document.documentElement.clientWidth - offsetWidth - GAP))}px`;
    tip.style.top = `${below ? bottom + GAP : Math.max(GAP, top - GAP - offsetHeight)}px`;
  };
  const hide = () => {
    if (tip.isConnected && tip.matches(":popover-open")) tip.hidePopover();
  };
  const element = h(
    "button",
    {
      type: "button",
      class: "staa-term",
      "aria-describedby": id,
      pointerenter: show,
      pointerleave: hide,
      focus: show,
      blur: hide,
      click: show,
    },
    word,
  );
  return h("span", {}, element, tip);
}

/** Give a control a definition, as tooltip and as its description; return the element to put beside the control. */
export function describe(control: HTMLElement, definition: string): HTMLElement {
  const id = `staa-definition-${++count}`;
  control.title = definition;
  control.setAttribute("aria-describedby", id);
  return h("span", { id, hidden: true }, definition);
}
