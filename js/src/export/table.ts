import type { Pane } from "../pane.js";
import type { Session } from "../session.js";

const COLUMNS = ["slice", "start_s", "end_s", "share", "signed_share", "frames_seen"];

/** When the models looked, as CSV, one row a slice; `to_text` in table.py writes the same. */
export function table({ panes, names }: Session): string {
  const all = panes.map(columns);
  const [first] = all;
  const alike = all.every((one) => [1, 2, 5].every((at) => String(one[at]) === String(first[at])));
  const name = (i: number) => (alike && panes.length > 1 ? ` ${names.peek()[i]}` : "");
  const column = (at: number) => [COLUMNS[at], first[at]] as const;
  const shares = all.flatMap((one, i) => [3, 4].map((at) => [COLUMNS[at] + name(i), one[at]] as const));
  const filled = (at: number) => all.flatMap((one) => one[at] ?? one[0]!.map(() => ""));
  const whole = alike
    ? [column(0), column(1), column(2), ...shares.filter(([, values]) => values), column(5)]
    : [
        ["name", all.flatMap(([slices], i) => slices!.map(() => names.peek()[i]))] as const,
        ...COLUMNS.map((title, at) => [title, filled(at)] as const).filter((_, at) => all.some((one) => one[at])),
      ];
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = [whole.map(([title]) => title), ...whole[0][1]!.map((_, s) => whole.map(([, values]) => values![s]))];
  return rows.map((row) => `${row.map(quoted).join()}\r\n`).join("");
}

/** By the order of `COLUMNS`; nothing where there is nothing to tell. */
function columns({ film: { spans, sampled }, heat }: Pane): (string[] | null)[] {
  const { temporal, temporalSigned, signed } = heat.peek();
  const fixed = (values: ArrayLike<number>) => Array.from(values, (value) => value.toFixed(6));
  return [
    spans.map((_, s) => String(s + 1)),
    fixed(spans.map(([start]) => start)),
    fixed(spans.map(([, end]) => end)),
    fixed(temporal),
    signed ? fixed(temporalSigned) : null,
    sampled.map((frames) => frames.join(" ")),
  ];
}
