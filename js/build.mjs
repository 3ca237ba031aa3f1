// Two scripts and one style sheet from one source: `widget.js` is the module that anywidget loads, `page.js` the same
// player as a plain script, because an exported page may be opened from file:// where modules cannot be imported.
import { mkdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { minify } from "terser";
import { sayOnce, shortProperties } from "./shorten.mjs";

const OUT = "../staa_widgets/widget/static";

/** What esbuild makes of one entry, with long names. */
async function bundled(entry, options) {
  const shared = { bundle: true, minifySyntax: true, minifyWhitespace: true, target: "es2022", legalComments: "none" };
  // Nothing outside of the player knows names that end in an underscore.
  const { outputFiles } = await build({
    ...shared,
    mangleProps: /[a-z]_$/,
    ...options,
    entryPoints: [entry],
    write: false,
  });
  return outputFiles[0].text;
}

async function script(entry, format) {
  const module = format === "esm";
  const options = { module, ecma: 2022 };
  // Reading a signal is what an effect follows it by: getters are not pure here.
  const compress = { passes: 3, pure_getters: false };
  const { code } = await minify(await bundled(entry, { format }), { ...options, compress, mangle: false });
  return (await minify(sayOnce(code, module), { ...options, compress: false })).code;
}

const widget = await script("src/index.ts", "esm");
const page = await script("src/export/page.ts", "iife");
const css = shortProperties(await bundled("src/styles/widget.css", {}), widget);
mkdirSync(OUT, { recursive: true });
for (const [name, text] of Object.entries({ "widget.js": widget, "page.js": page, "widget.css": css })) {
  writeFileSync(`${OUT}/${name}`, text);
  console.log(`  ${name}  ${Buffer.byteLength(text).toLocaleString("en")} bytes`);
}
