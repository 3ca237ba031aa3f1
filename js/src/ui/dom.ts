// Helpers that make DOM elements: elements, buttons, dialogs, icons, dragging, and numbers as text.

type Child = Node | string | null | false;
type Attributes = Record<string, string | number | boolean | ((event: never) => void)>;

/** Make an HTML element. Strings become text nodes, functions listeners; `true` sets an empty attribute, `false` none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element, as `h` does for HTML. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value as EventListener);
    else if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** A button with text. */
export const button = (text: Child, click: () => void, className = "staa-small"): HTMLButtonElement =>
  h("button", { class: `staa-button ${className}`, type: "button", click }, text);

/** A modal dialog; Escape, its button and a click beside it close it. */
export function dialog(title: string, ...children: Child[]): HTMLDialogElement {
  const click = ({ target }: Event) => target === element && element.close();
  const close = button("Close", () => element.close(), "staa-small staa-end");
  const head = h("div", { class: "staa-row" }, h("h3", { class: "staa-title" }, title), close);
  const element = h("dialog", { class: "staa-help", "aria-label": title, click }, head, ...children);
  return element;
}

/** Set the options of a select, in groups. Equal options are left alone, because an open list would close. */
export function fillOptions(
  element: HTMLSelectElement,
  options: (readonly [value: string, text: string, group?: string])[],
): void {
  const same = (option: HTMLOptionElement, i: number) =>
    option.value === options[i][0] && option.textContent === options[i][1];
  if (element.options.length === options.length && [...element.options].every(same)) return;
  element.replaceChildren();
  const groups = new Map<string, HTMLElement>();
  for (const [value, text, group] of options) {
    let parent: HTMLElement = element;
    if (group) {
      parent = groups.get(group) ?? h("optgroup", { label: group });
      groups.set(group, parent);
      element.append(parent);
    }
    parent.append(h("option", { value }, text));
  }
}

/** The element inside `parent` that has the focus, also in a shadow tree. */
export function focused(parent: HTMLElement): HTMLElement | null {
  const { activeElement } = parent.getRootNode() as Document | ShadowRoot;
  return parent.contains(activeElement) ? (activeElement as HTMLElement) : null;
}

/** Call `move` with the place of the pointer across an element, 0 … 1, while it is dragged from there. */
export function onDrag(element: Element, move: (share: number, begin: boolean) => void, end?: () => void): void {
  const report = (event: PointerEvent, begin: boolean) => {
    const { left, width } = element.getBoundingClientRect();
    if (width > 0) move(Math.min(Math.max((event.clientX - left) / width, 0), 1), begin);
  };
  const listen = (type: string, handler: (event: PointerEvent) => void) =>
    element.addEventListener(type, handler as EventListener);
  let pressed = false;
  listen("pointerdown", (event) => {
    if (event.button !== 0) return;
    pressed = true;
    element.setPointerCapture(event.pointerId);
    report(event, true);
  });
  listen("pointermove", (event) => pressed && report(event, false));
  const release = () => {
    if (pressed) end?.();
    pressed = false;
  };
  listen("pointerup", release);
  listen("pointercancel", release);
}

/** A mark that is moved by `translateX` in percent of its parent's width, which needs no new layout. */
export const movingMark = (mark: string): HTMLElement => h("div", { class: "staa-carrier" }, h("div", { class: mark }));

const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  back: "M6 5h2.5v14H6zM19 5v14l-9-7z",
  forward: "M15.5 5H18v14h-2.5zM5 5v14l9-7z",
  loop: "M7 7h10v3l4-4-4-4v3H5v6h2zm10 10H7v-3l-4 4 4 4v-3h12v-6h-2z",
  take: "M11 4h2v8l3-3 1.4 1.4L12 15.8 6.6 10.4 8 9l3 3zM5 18h14v2H5z",
  expand: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
  wipe: "M9 7v10l-5-5zM15 7v10l5-5z",
  help: "M11 17h2v2.2h-2zM12 4a5 5 0 0 0-5 5h2.2a2.8 2.8 0 1 1 4.3 2.4C12 12.5 11 13.300 11 15.5h2c0-1.5.7-2 1.900-2.900A5 5 0 0 0 12 4z",
};

export function icon(name: keyof typeof ICONS): SVGSVGElement {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", "aria-hidden": "true", width: 20, height: 20, fill: "currentColor" },
    svg("path", { d: ICONS[name] }),
  );
}

/** A button with an icon; its tooltip is its name. */
export const iconButton = (
  name: keyof typeof ICONS,
  title: string,
  click: () => void,
  className = "",
): HTMLButtonElement => h("button", { class: `staa-button ${className}`, type: "button", title, click }, icon(name));

/** Format a number of seconds. */
export const seconds = (value: number, digits = 2): string => `${value.toFixed(digits)} s`;

/** Format a share as percent. */
export const percent = (share: number): string => {
  const value = 100 * share;
  if (value > 0 && value < 0.095) return `${Number(value.toPrecision(2))} %`;
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)} %`;
};
