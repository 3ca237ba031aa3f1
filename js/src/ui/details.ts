import type { Json } from "../protocol.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h, seconds } from "./dom.js";

/** What was run: enough to run it again. */
export function details(session: Session): HTMLElement {
  const list = h("dl", { class: "staa-facts" });
  watch(session.until, () => {
    list.replaceChildren(...facts(session).flatMap(([name, value]) => entry(name, value)));
  });
  return h("details", { class: "staa-details" }, h("summary", { class: "staa-title" }, "What was run"), list);
}

function facts({ meta: { value: meta }, active }: Session): [string, Json][] {
  const { clock } = active.value;
  const [slices, rows, columns] = meta.grid;
  const [width, height] = meta.clip.size;
  // The engine notes box and parameters too; they stand above already.
  const noted = flatten(meta.provenance).filter(([name]) => name !== "box" && !name.startsWith("method · params"));
  return [
    ["method", meta.method],
    ...flatten(meta.params, ["parameter"]),
    ["model", meta.model],
    ["explained class", meta.labels[meta.target]],
    ["clip", meta.clip.name],
    ["clip’s sha256", meta.clip.sha256],
    ["frame size", `${width} × ${height}`],
    ["time", `${seconds(clock.start)} – ${seconds(clock.end)}, ${meta.frames.total} frames`],
    ["pictures", pictures(clock.count, meta.frames.total, meta.pictures?.size)],
    ["map", `${slices} slices of ${rows} × ${columns} patches`],
    ["box seen (x0, y0, x1, y1)", meta.box.map((edge) => edge.toFixed(1)).join(", ")],
    ["frames given to the model", meta.sampled.map((seen) => seen.join("+")).join(", ")],
    ...noted,
  ];
}

function pictures(count: number, total: number, size: [number, number] | undefined): string {
  if (!size) return "none kept";
  const every = count === total ? "every frame" : `${count} of ${total} frames`;
  return `${every}, ${size[0]} × ${size[1]}`;
}

/** Facts inside of facts, each by the names on the way to it. */
function flatten(values: { [key: string]: Json }, path: string[] = []): [string, Json][] {
  return Object.entries(values).flatMap(([name, value]): [string, Json][] => {
    const here = [...path, name];
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    return nested ? flatten(value, here) : [[here.join(" · "), value]];
  });
}

function entry(name: string, value: Json): HTMLElement[] {
  const text = flat(value);
  return text ? [h("dt", {}, name), h("dd", {}, text)] : [];
}

function flat(value: Json): string {
  if (value === null) return "";
  if (Array.isArray(value)) return value.map(flat).join(", ");
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(5))) : String(value);
}
