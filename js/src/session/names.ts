// Short names for explanations, made of what they differ in.

import type { Meta } from "../host/payload.js";

const kinds = (texts: string[]) => new Set(texts).size;

/** Name explanations by what they differ in, and only that; `distinguishing_names` of comparison.py does the same. */
export function names(metas: readonly Meta[]): string[] {
  const of = (text: (meta: Meta) => string) => metas.map(text);
  const methods = of(({ method }) => method);
  const models = of(({ model }) => model);
  // Without whose they are and remarks on them, if they are told apart without.
  const brief = models.map((model) => model.replace(/^[^ ]*\/| \(.*\)$/g, ""));
  const clips = of(({ clip }) => clip.name || "clip");
  const ranges = of(({ spans, clip }) => `${spans[0][0].toFixed(2)}–${clip.end.toFixed(2)} s`);
  const told = [
    methods,
    of((meta) => parameters(meta, metas)),
    of(({ labels, target }) => labels[target]),
    kinds(brief) < kinds(models) ? models : brief,
    clips,
    // Of another clip, another range goes without saying.
    kinds(clips.map((clip, i) => clip + ranges[i])) > kinds(clips) ? ranges : [],
  ].filter((texts) => kinds(texts) > 1);
  const shown = told.length ? told : [methods];
  const all = methods.map((_, i) =>
    shown
      .map((texts) => texts[i])
      .filter(Boolean)
      .join(" · "),
  );
  return all.map((name, i) => {
    const before = all.slice(0, i).filter((one) => one === name).length;
    return before ? `${name} (${before + 1})` : name;
  });
}

/** The parameters that others of the same method have otherwise. */
function parameters({ method, params }: Meta, metas: readonly Meta[]): string {
  const flat = (key: string, from = params) => `${key}=${JSON.stringify(from[key])}`.replaceAll('"', "");
  const differs = (key: string) => metas.some((one) => one.method === method && flat(key, one.params) !== flat(key));
  return Object.keys(params)
    .filter(differs)
    .map((key) => flat(key))
    .join(", ");
}
