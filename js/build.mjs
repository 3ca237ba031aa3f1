// Two scripts and one style sheet from one source: `widget.js` is the module that anywidget loads, `page.js` the same
// player as a plain script, because an exported page may be opened from file:// where modules cannot be imported.
import { build } from "esbuild";

const shared = {
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "none",
  logLevel: "info",
  mangleProps: /[a-z]_$/,
};
const out = "../staa_widgets/widget/static";

await build({ ...shared, entryPoints: { widget: "src/index.ts" }, format: "esm", outdir: out });
await build({ ...shared, entryPoints: { page: "src/export/page.ts" }, format: "iife", outdir: out });
await build({ ...shared, entryPoints: { widget: "src/styles/widget.css" }, outdir: out });
