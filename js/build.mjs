// Build `widget.js`, the module that anywidget loads; `page.js`, the same player as a plain script, because an exported
// page may be opened from file://, where modules cannot be imported; and `widget.css`.
import { build } from "esbuild";

const OUT = "../staa_widgets/widget/static";

async function bundle(entry, file, format) {
  const options = { bundle: true, minify: true, target: "es2022", legalComments: "none", logLevel: "info" };
  await build({ ...options, entryPoints: [entry], outfile: `${OUT}/${file}`, ...(format && { format }) });
}

await bundle("src/index.ts", "widget.js", "esm");
await bundle("src/page.ts", "page.js", "iife");
await bundle("src/styles/widget.css", "widget.css");
