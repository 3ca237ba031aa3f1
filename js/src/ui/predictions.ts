// The list of predicted classes; with a kernel, choosing one explains it.

import { computed, signal } from "@preact/signals-core";
import { watch } from "../core/reactive.js";
import { readable } from "../core/text.js";
import type { Session } from "../session/session.js";
import { classMethodPrompt } from "./class_method_prompt.js";
import { button, focused, h, percent } from "./dom.js";

/** Classes in the short list. */
const TOP_CLASSES = 5;

/** The most probable classes, or all, and the explained one; with a kernel, choosing one explains it. */
export function predictions(session: Session): HTMLElement {
  const { host, until } = session;
  const { meta } = session.view;
  const { canCompute } = host.kernel;
  const open = signal(false);
  const searchText = signal("");
  /** The class that was chosen while the method does not depend on the class. */
  const pendingClass = signal<number | null>(null);
  const target = computed(() => session.view.activeRequest?.target ?? meta.value.target);
  let shownClasses: number[] = [];
  let rows: HTMLElement[] = [];

  const row = (k: number) => {
    const { labels, probabilities, values, class_specific, target: explained } = meta.value;
    const now = k === target.value;
    const click = () => {
      if (!canCompute.peek()) return;
      if (!class_specific) pendingClass.value = k;
      else if (k !== explained) session.actions.request({ target: k });
    };
    const bar = h("span", { class: "staa-fill" });
    bar.style.width = `${100 * probabilities[k]}%`;
    return h(
      "li",
      { class: now ? "staa-target" : "", role: "option", tabindex: -1, "aria-selected": `${now}`, click },
      h("span", { class: "staa-trim", title: readable(labels[k]) }, readable(labels[k])),
      now && h("span", { class: "staa-tag" }, k === explained ? "explained" : "computing"),
      h("span", { class: "staa-number" }, values ? `${Number(values[k].toPrecision(4))}` : percent(probabilities[k])),
      !values && h("span", { class: "staa-meter", "aria-hidden": "true" }, bar),
    );
  };
  /** Arrows move through the rows; Enter and Space choose. */
  const keydown = (event: KeyboardEvent) => {
    const at = rows.indexOf(event.target as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") rows[at].click();
    else if (to === undefined) return;
    else rows[to]?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  const list = h("ol", { role: "listbox", "aria-label": "Classes", keydown });
  const focusList = () => list.querySelector<HTMLElement>("[tabindex='0']")?.focus();
  const search = h("input", {
    class: "staa-select staa-search",
    type: "search",
    placeholder: "Find a class",
    input: () => {
      searchText.value = readable(search.value.trim().toLowerCase());
    },
    keydown: (event: KeyboardEvent) => {
      if (!/^(ArrowDown|Enter)$/.test(event.key)) return;
      focusList();
      event.preventDefault();
    },
  });
  const toggle = button(
    "",
    () => {
      open.value = !open.value;
      if (open.value) search.focus();
    },
    "staa-small staa-end",
  );
  watch(until, () => {
    const { labels, probabilities, values, target: explained } = meta.value;
    const scores = values ?? probabilities;
    const all = open.value;
    const focus = shownClasses[rows.indexOf(focused(list)!)];
    shownClasses = labels
      .map((_, k) => k)
      .sort((a, b) => scores[b] - scores[a])
      .filter((k, i) =>
        all ? readable(labels[k]).toLowerCase().includes(searchText.value) : i < TOP_CLASSES || k === explained,
      );
    rows = shownClasses.map(row);
    list.replaceChildren(...rows);
    list.className = `staa-classes${all ? " staa-long" : ""}`;
    list.setAttribute("aria-disabled", `${!canCompute.value}`);
    // Tab reaches one row. The focus stays on the class that has it.
    const focusedRow = rows[shownClasses.indexOf(focus)];
    const entry = focusedRow ?? rows[shownClasses.indexOf(target.value)] ?? rows[0];
    if (entry) entry.tabIndex = 0;
    focusedRow?.focus();
    toggle.hidden = labels.length <= TOP_CLASSES;
    toggle.textContent = all ? `Top ${TOP_CLASSES}` : `All ${labels.length}`;
    toggle.setAttribute("aria-expanded", `${all}`);
    search.hidden = !all;
  });
  const section = h(
    "section",
    { class: "staa-predictions" },
    h("div", { class: "staa-row" }, h("h3", { class: "staa-title" }, "Predictions"), toggle),
    search,
    list,
    classMethodPrompt(session, pendingClass, focusList),
  );
  watch(until, () => {
    section.hidden = meta.value.predicted === false;
  });
  return section;
}
