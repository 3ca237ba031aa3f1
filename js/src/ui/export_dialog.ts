// The export dialog: image, table, code, and the files that the kernel makes.

import { KERNEL_FORMATS } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import { saveFile } from "../core/save.js";
import { changedSettings, pythonCode } from "../export/code.js";
import { tableAsCsv } from "../export/table.js";
import type { Session } from "../session/session.js";
import { button, dialog, h } from "./dom.js";
import { tooltip } from "./keys.js";
import { requestStatus } from "./request_status.js";

/** A dialog with everything that can be exported. */
export function exportDialog(session: Session, savePicture: () => void): { dialog: HTMLElement; open: () => void } {
  const { state, host, until } = session;
  const { meta } = session.view;
  const { kernel, fileExport, notice } = host;
  const item = (name: string, text: string, run: () => void) => {
    const element = button("", run, "");
    element.append(h("b", {}, name), h("span", { class: "staa-quiet" }, text));
    return element;
  };
  /** The button for a file that the kernel makes. */
  const kernelItem = (format: string, label: string, description: string) => {
    const start = () => fileExport.start({ format, settings: changedSettings(session), pane: state.pane.peek() });
    const element = item(label[0].toUpperCase() + label.slice(1), "", start);
    watch(until, () => {
      element.hidden = /none|gone/.test(kernel.state.value);
      element.lastChild!.textContent = `${format.toUpperCase()}: ${description}`;
    });
    return element;
  };
  const saveTable = () => {
    const { clip, method } = meta.peek().file_stems;
    const name = `${clip}_${method}.csv`;
    saveFile(name, new Blob([tableAsCsv(session)], { type: "text/csv" }));
    session.host.notify(`Saved ${name}`);
  };
  const code = h("textarea", { class: "staa-code", readonly: true, rows: 6, hidden: true, "aria-label": "Python" });
  const copy = async () => {
    code.value = pythonCode(session);
    code.hidden = false;
    code.select();
    try {
      await navigator.clipboard.writeText(code.value);
      session.host.notify("Copied");
    } catch {
      // Pages over plain http have no clipboard.
      session.host.notify("Copying is blocked on this page: press Ctrl+C or ⌘C");
    }
  };
  const picture = item("Picture", tooltip("PNG: the frame and its heat map, with the color bar", "save"), savePicture);
  const notification = h("p", { role: "status" });
  watch(until, () => {
    notification.textContent = notice.value.text;
  });
  const element = dialog(
    "Save / share",
    picture,
    item("Table", "CSV: the share of every time slice", saveTable),
    item("Code", "Python: copy the code that shows this", copy),
    ...Object.entries(KERNEL_FORMATS).map(([format, { label, description }]) => kernelItem(format, label, description)),
    code,
    ...(kernel.state.peek() === "none"
      ? [notification]
      : requestStatus(
          session,
          fileExport,
          ({ format }) => [`Writing ${format?.toUpperCase()}`],
          picture,
          notification,
        )),
  );
  const open = () => {
    session.host.notify("");
    code.hidden = true;
    element.showModal();
    picture.focus();
  };
  return { dialog: element, open };
}
