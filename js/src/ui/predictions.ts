import type { Session } from "../session.js";
import { computed, signal } from "../signals.js";
import { watch } from "../state.js";
import { focused, h, percent } from "./dom.js";
import { offer } from "./offer.js";

const SHOWN = 5;

/** The likeliest classes or all of them, and the one that was explained; with a kernel, choosing one explains it. */
export function predictions(session: Session): HTMLElement {
  const { meta, host, until } = session;
  const choosable = host.kernel.state.peek() !== "none";
  const open = signal(false);
  const wanted = signal("");
  /** A class that was chosen while the method knows no classes. */
  const asked = signal<number | null>(null);
  const order = computed(() => {
    const { probabilities } = meta.value;
    return probabilities.map((_, k) => k).sort((a, b) => probabilities[b] - probabilities[a]);
  });
  const shown = computed(() => {
    const { labels, target } = meta.value;
    if (open.value) return order.value.filter((k) => labels[k].toLowerCase().includes(wanted.value));
    const top = order.value.slice(0, SHOWN);
    return top.includes(target) ? top : [...top, target];
  });

  const choose = (k: number) => {
    const { class_specific, target } = meta.peek();
    if (!host.kernel.computes.peek()) return;
    asked.value = class_specific ? null : k;
    if (class_specific && k !== target) session.ask({ target: k });
  };
  const rows = new Map<number, Row>();
  const rowOf = (k: number) => {
    if (!rows.has(k))
      rows.set(
        k,
        row(k, choosable, () => choose(k)),
      );
    return rows.get(k)!;
  };
  const list = h("ol", { class: "staa-classes" });
  if (choosable) {
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Classes");
    walk(list);
  }
  watch(until, () => {
    const pending = session.wish?.target;
    const facts = shown.value.map(rowOf);
    for (const { fill } of facts) fill(session, pending ?? meta.value.target);
    replace(
      list,
      facts.map(({ element }) => element),
    );
    if (choosable) list.setAttribute("aria-disabled", String(!host.kernel.computes.value));
    list.classList.toggle("staa-choosable", host.kernel.computes.value);
  });

  const search = finder(list, wanted, open);
  const toggle = h("button", {
    class: "staa-button staa-small staa-end",
    type: "button",
    click: () => {
      open.value = !open.value;
      if (open.value) search.focus();
    },
  });
  watch(until, () => {
    const count = meta.value.labels.length;
    toggle.hidden = count <= SHOWN;
    toggle.textContent = open.value ? `Top ${SHOWN}` : `All ${count}`;
    toggle.setAttribute("aria-expanded", String(open.value));
    search.hidden = !open.value;
    search.placeholder = `Find among ${count} classes`;
    list.classList.toggle("staa-long", open.value);
    // A page's rows take no focus, and a list that scrolls must.
    if (choosable) return;
    if (open.value) list.tabIndex = 0;
    else list.removeAttribute("tabindex");
  });
  return h(
    "section",
    { class: "staa-says" },
    h("div", { class: "staa-row" }, h("h3", { class: "staa-title" }, "What the model says"), toggle),
    search,
    list,
    offer(session, asked, list),
  );
}

interface Row {
  element: HTMLElement;
  fill(session: Session, target: number): void;
}

function row(k: number, choosable: boolean, choose: () => void): Row {
  const name = h("span", { class: "staa-trim" });
  const tag = h("span", { class: "staa-tag" });
  const number = h("span", { class: "staa-number" });
  const bar = h("span", { class: "staa-fill" });
  const meter = h("span", { class: "staa-meter", "aria-hidden": "true" }, bar);
  const element = h("li", {}, name, tag, number, meter);
  if (choosable) {
    element.setAttribute("role", "option");
    element.tabIndex = -1;
    element.addEventListener("click", choose);
  }
  return {
    element,
    fill({ meta }, target) {
      const { labels, probabilities, target: explained } = meta.value;
      name.textContent = labels[k];
      name.title = labels[k];
      tag.hidden = k !== target;
      tag.textContent = target === explained ? "explained" : "computing";
      number.textContent = percent(probabilities[k]);
      bar.style.width = `${100 * probabilities[k]}%`;
      element.classList.toggle("staa-target", k === target);
      if (choosable) element.setAttribute("aria-selected", String(k === target));
    },
  };
}

/** Set the rows without taking the focus from the one that has it, and let Tab reach one of them. */
function replace(list: HTMLElement, rows: HTMLElement[]): void {
  const before = focused(list);
  if (rows.length !== list.children.length || rows.some((element, i) => element !== list.children[i])) {
    list.replaceChildren(...rows);
    if (before?.isConnected) before.focus();
  }
  if (list.getAttribute("role") !== "listbox") return;
  const entry =
    rows.find((element) => element === before) ?? list.querySelector<HTMLElement>(".staa-target") ?? rows[0];
  for (const element of rows) element.tabIndex = element === entry ? 0 : -1;
}

/** Arrows walk through the rows, Enter and Space choose. */
function walk(list: HTMLElement): void {
  list.addEventListener("keydown", (event) => {
    const rows = [...list.children] as HTMLElement[];
    const at = rows.indexOf(event.target as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") rows[at]?.click();
    else if (to === undefined) return;
    else rows[Math.min(Math.max(to, 0), rows.length - 1)]?.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("focusin", (event) => {
    for (const element of list.children) (element as HTMLElement).tabIndex = element === event.target ? 0 : -1;
  });
}

function finder(list: HTMLElement, wanted: { value: string }, open: { value: boolean }): HTMLInputElement {
  const search = h("input", {
    class: "staa-select staa-search",
    type: "search",
    "aria-label": "Find a class",
    input: () => {
      wanted.value = search.value.trim().toLowerCase();
    },
    keydown: (event: KeyboardEvent) => {
      if (event.key === "Escape" && !search.value) open.value = false;
      else if (event.key === "ArrowDown" || event.key === "Enter")
        (list.firstElementChild as HTMLElement | null)?.focus();
      else return;
      event.preventDefault();
    },
  });
  return search;
}
