// Build `widget.js` and `live.js`, the modules that anywidget loads; `page.js`, the player as a plain script, because an
// exported page may be opened from file://, where modules cannot be imported; and the style sheets.
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
await bundle("src/live.ts", "live.js", { format: "esm" });
await bundle("src/page.ts", "page.js", { format: "iife", banner: BANNER });
await bundle("src/styles/widget.css", "widget.css", {});
await bundle("src/styles/live.css", "live.css", {});
