// Two scripts and one style sheet from one source: `widget.js` is the module that anywidget loads, `page.js` the same
// player as a plain script, because an exported page may be opened from file:// where modules cannot be imported.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { minify } from "terser";

const out = "../staa_widgets/widget/static";
const shared = { bundle: true, minify: true, target: "es2022", legalComments: "none", outdir: out };

await build({ ...shared, entryPoints: { widget: "src/index.ts" }, format: "esm" });
await build({ ...shared, entryPoints: { page: "src/export/page.ts" }, format: "iife" });
await build({ ...shared, entryPoints: { widget: "src/styles/widget.css" } });
for (const [name, module] of [
  ["widget.js", true],
  ["page.js", false],
]) {
  // Reading a signal is what an effect follows it by: getters are not pure here.
  const compress = { passes: 3, pure_getters: false };
  const { code } = await minify(readFileSync(join(out, name), "utf-8"), { module, compress, ecma: 2022 });
  writeFileSync(join(out, name), code);
}
for (const name of ["widget.js", "page.js", "widget.css"]) {
  console.log(`  ${name}  ${readFileSync(join(out, name)).length.toLocaleString("en")} bytes`);
}
