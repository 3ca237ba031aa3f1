import { save, stem } from "../export/save.js";
import { table } from "../export/table.js";
import { python, settings } from "../export/view.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { computing } from "./computing.js";
import { h, seconds } from "./dom.js";
import { failure } from "./failure.js";

/** What can be taken away, over everything; Escape closes it. */
export function take(session: Session, savePicture: () => void): { dialog: HTMLElement; open: () => void } {
  const { state, meta, host, until } = session;
  const { kernel, taking, notice } = host;
  const code = h("textarea", { class: "staa-code", readonly: true, rows: 6, hidden: true, "aria-label": "Python" });
  const said = h("p", { role: "status" });
  const close = button("Close", "staa-small staa-end", () => dialog.close());
  const absent = () =>
    ({ none: "needs a notebook with its kernel", gone: "the kernel is gone, run the cell again" })[
      kernel.state.value as string
    ];
  const item = (
    name: string,
    kind: string,
    about: () => string,
    run: () => void,
    why = (): string | undefined => "",
  ) => {
    const words = h("span", { class: "staa-quiet" });
    const element = button("", "", run);
    element.append(h("b", {}, name), words);
    watch(until, () => {
      words.textContent = `${kind}: ${why() || about()}`;
      element.disabled = !!why();
    });
    return element;
  };
  const made = (name: string, kind: string, about: () => string) => {
    const ask = () => taking.ask({ kind: kind.toLowerCase(), look: settings(session), pane: state.pane.peek() });
    return item(name, kind, about, ask, absent);
  };
  const part = () => {
    const { value } = state.selection;
    return value ? `the selected ${seconds(value[1] - value[0])} under heat` : "the clip under its heat";
  };
  const saveTable = () => {
    const name = `${stem(meta.peek().clip.name)}_${meta.peek().method}.csv`;
    save(name, new Blob([table(session)], { type: "text/csv" }));
    session.say(`Saved ${name}`);
  };
  const copy = () => {
    code.value = python(session);
    code.hidden = false;
    const done = () => session.say("Copied");
    const failed = () => {
      code.select();
      session.say("This page may not copy: press Ctrl+C or ⌘C");
    };
    // Missing on plain http.
    (navigator.clipboard?.writeText(code.value) ?? Promise.reject()).then(done, failed);
  };
  const picture = item("Picture", "PNG", () => "what is on show, with its colour bar (S)", savePicture);
  const dialog = h(
    "dialog",
    { class: "staa-help staa-take", "aria-label": "Take away" },
    h("div", { class: "staa-row" }, h("h3", { class: "staa-title" }, "Take away"), close),
    picture,
    item("Table", "CSV", () => "the share of each slice of time", saveTable),
    item("Code", "Python", () => "the lines that make this view, to copy", copy),
    made("Film", "MP4", part),
    made("Animation", "GIF", part),
    made("Page", "HTML", () => "one file that plays anywhere, as you see it"),
    code,
  );
  if (kernel.state.peek() === "none") dialog.append(said);
  else {
    const title = (wish: { kind?: string }) => [`Making ${wish.kind?.toUpperCase()}`];
    dialog.append(
      h("div", { class: "staa-stack" }, said, computing(session, taking, title, close, said)),
      failure(session, taking, close, () => !absent()),
    );
  }
  watch(until, () => {
    said.textContent = notice.value.text;
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const open = () => {
    session.say("");
    code.hidden = true;
    dialog.showModal();
    picture.focus();
  };
  return { dialog, open };
}

const button = (text: string, look: string, click: () => void) =>
  h("button", { class: `staa-button ${look}`, type: "button", click }, text);
