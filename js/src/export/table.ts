// Export as a table: the attribution of each slice as CSV.

import { CSV_COLUMNS } from "../core/generated.js";
import type { Pane } from "../session/pane.js";
import type { Session } from "../session/session.js";

/**
 * The attribution of each slice as CSV, one row per slice. `csv_text` of export/table.py writes the same;
 * tests/browser/test_export.py compares the two.
 */
export function tableAsCsv(session: Session): string {
  const { all: panes, names } = session.panes;
  const several = panes.length > 1;
  const rows = panes.flatMap((pane, i) => {
    const { layout, heat } = pane;
    const { temporal, temporalSigned, signed } = heat.peek();
    const titles = [...(several ? [names.peek().keys[i]] : []), mapName(session, pane)].map(quote);
    return layout.spans.map((span, s) => {
      const numbers = [...span, temporal[s]].map((number) => number.toFixed(6));
      return [
        ...titles,
        s + 1,
        ...numbers,
        signed ? temporalSigned[s].toFixed(6) : "",
        layout.sampled_frames[s].join(" "),
      ].join();
    });
  });
  return [[...(several ? ["name"] : []), ...CSV_COLUMNS].join(), ...rows, ""].join("\r\n");
}

/** The method, and the mask if one is shown, or the layer and head whose attention is shown; as `map_name` in Python. */
function mapName({ state }: Session, pane: Pane): string {
  const { method, attention, masks } = pane.meta.peek();
  const [layers, heads] = attention ?? [0, 0];
  const [layer, head] = [state.layer.peek(), state.head.peek()];
  if (layer >= 0 && layer < layers) {
    return `attention of layer ${layer + 1}, ${head >= 0 && head < heads ? `head ${head + 1}` : "mean of heads"}`;
  }
  const area = masks?.areas[state.mask.peek()];
  return area === undefined ? method : `${method}, mask of ${(100 * area).toFixed(0)}% of the clip`;
}

/** A text as a quoted cell, with an apostrophe before what a spreadsheet would take for a formula. */
const quote = (text: string) => `"${(/^\s*[=+\-@＝＋－＠]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
