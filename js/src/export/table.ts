import type { Pane } from "../pane.js";
import type { Session } from "../session.js";

const FRAMES = "frames_seen";

type Table = Map<string, readonly string[]>;

/** When the models looked, as CSV, one row a slice; `to_text` in table.py writes the same. */
export function table({ panes, names }: Session): string {
  const [first, ...others] = panes;
  const alike = ({ film }: Pane) =>
    JSON.stringify([film.spans, film.sampled]) === JSON.stringify([first.film.spans, first.film.sampled]);
  if (others.every(alike)) {
    const name = (i: number) => (panes.length > 1 ? ` ${names.peek()[i]}` : "");
    return written(
      new Map([...slices(first), ...panes.flatMap((pane, i) => [...shares(pane, name(i))]), ...seen(first)]),
    );
  }
  const tables = panes.map((pane) => new Map([...slices(pane), ...shares(pane, ""), ...seen(pane)]));
  const columns = ["slice", "start_s", "end_s", "share", "signed_share", FRAMES];
  const whole = columns
    .filter((column) => tables.some((one) => one.has(column)))
    .map((column): [string, string[]] => [
      column,
      panes.flatMap(({ film }, i) => tables[i].get(column) ?? film.spans.map(() => "")),
    ]);
  return written(new Map([["name", panes.flatMap(({ film }, i) => film.spans.map(() => names.peek()[i]))], ...whole]));
}

const fixed = (values: ArrayLike<number>) => Array.from(values, (value) => value.toFixed(6));

const slices = ({ film: { spans } }: Pane): Table =>
  new Map([
    ["slice", spans.map((_, s) => String(s + 1))],
    ["start_s", fixed(spans.map(([start]) => start))],
    ["end_s", fixed(spans.map(([, end]) => end))],
  ]);

function shares({ heat }: Pane, name: string): Table {
  const { temporal, temporalSigned, signed } = heat.peek();
  const found: Table = new Map([[`share${name}`, fixed(temporal)]]);
  return signed ? found.set(`signed_share${name}`, fixed(temporalSigned)) : found;
}

const seen = ({ film }: Pane): Table => new Map([[FRAMES, film.sampled.map((frames) => frames.join(" "))]]);

function written(columns: Table): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const values = [...columns.values()];
  const rows = [[...columns.keys()], ...values[0].map((_, i) => values.map((column) => column[i]))];
  return rows.map((row) => `${row.map(quoted).join()}\r\n`).join("");
}
