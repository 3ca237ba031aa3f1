import type { Meta } from "./protocol.js";

/** Name explanations by what they differ in, and only that; `names` of comparison.py does the same, at length. */
export function names(metas: readonly Meta[]): string[] {
  const clips = metas.map(({ clip }) => clip.name || "clip");
  const ranges = metas.map(({ spans, clip }) => `${spans[0][0].toFixed(2)}–${clip.duration.toFixed(2)} s`);
  const told = [
    metas.map(({ method }) => method),
    metas.map((meta) => parameters(meta, metas)),
    metas.map(({ labels, target }) => labels[target]),
    briefly(metas.map(({ model }) => model)),
    clips,
    // Of another clip, another range goes without saying.
    new Set(metas.map((_, i) => clips[i] + ranges[i])).size > new Set(clips).size ? ranges : [],
  ];
  const differing = told.filter((texts) => new Set(texts).size > 1);
  const found: string[] = [];
  for (const i of metas.keys()) {
    const name = (differing.length ? differing : told.slice(0, 1))
      .map((texts) => texts[i])
      .filter(Boolean)
      .join(" · ");
    let free = name;
    for (let number = 2; found.includes(free); number++) free = `${name} (${number})`;
    found.push(free);
  }
  return found;
}

/** Models without whose they are and remarks on them, if they are told apart without. */
function briefly(models: string[]): string[] {
  const brief = models.map((model) => model.replace(/ \(.*\)$/, "").replace(/^.*\//, ""));
  return new Set(brief).size < new Set(models).size ? models : brief;
}

/** The parameters that others of the same method have otherwise. */
function parameters({ method, params }: Meta, metas: readonly Meta[]): string {
  const values = (key: string) => metas.filter((one) => one.method === method).map((one) => flat(one.params[key]));
  return Object.keys(params)
    .filter((key) => new Set(values(key)).size > 1)
    .map((key) => `${key}=${flat(params[key])}`)
    .join(", ");
}

const flat = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
