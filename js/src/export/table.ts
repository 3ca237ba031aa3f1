// Export as a table: the attribution of each slice as CSV.

import { CSV_COLUMNS } from "../core/generated.js";
import type { Session } from "../session/session.js";

/**
 * The attribution of each slice as CSV, one row per slice. `csv_text` of export/table.py writes the same;
 * tests/browser/test_export.py compares the two.
 */
export function tableAsCsv(session: Session): string {
  const { all: panes } = session.panes;
  const { names } = session.view;
  const name = (text: string) => (panes.length > 1 ? `${text},` : "");
  const rows = panes.flatMap(({ layout: { spans, sampled_frames }, heat }, i) => {
    const { temporal, temporalSigned, signed } = heat.peek();
    const quoted = name(`"${asTextCell(names.peek()[i]).replaceAll('"', '""')}"`);
    return spans.map((span, s) => {
      const numbers = [...span, temporal[s]].map((number) => number.toFixed(6));
      return [
        quoted + (s + 1),
        ...numbers,
        signed ? temporalSigned[s].toFixed(6) : "",
        sampled_frames[s].join(" "),
      ].join();
    });
  });
  return [name("name") + CSV_COLUMNS.join(), ...rows, ""].join("\r\n");
}

/** A text for a cell, with an apostrophe before what a spreadsheet would take for a formula. */
const asTextCell = (text: string) => (/^\s*[=+\-@＝＋－＠]/.test(text) ? `'${text}` : text);
