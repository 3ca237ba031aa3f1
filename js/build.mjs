// Build `widget.js`, the module that anywidget loads; `page.js`, the same player as a plain script, because an exported
// page may be opened from file://, where modules cannot be imported; and `widget.css`.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const OUT = "../staa_widgets/widget/static";
const LICENSE = readFileSync("node_modules/@preact/signals-core/LICENSE", "utf-8");
const BANNER = { js: `/*! Contains @preact/signals-core.\n\n${LICENSE}*/` };

async function bundle(entry, file, options) {
  const shared = { bundle: true, minify: true, target: "es2022", logLevel: "info" };
  await build({ ...shared, ...options, entryPoints: [entry], outfile: `${OUT}/${file}` });
}

await bundle("src/index.ts", "widget.js", { format: "esm", banner: BANNER });
await bundle("src/page.ts", "page.js", { format: "iife", banner: BANNER });
await bundle("src/styles/widget.css", "widget.css", {});
