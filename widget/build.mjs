/**
 * Builds dist/v1.js, the one file a shop's page loads, and fails when it outgrows its budget.
 *
 *     node build.mjs
 */
import { readFile, stat } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const BUDGET_BYTES = 10_000; // gzipped: what Shopify allows a theme extension's script

/** Styles become a minified string in the script, for `CSSStyleSheet.replaceSync`. */
const stylesAsText = {
  name: "styles-as-text",
  setup(builder) {
    builder.onResolve({ filter: /\.css\?inline$/ }, ({ path, resolveDir }) => ({
      path: new URL(path.replace("?inline", ""), `file://${resolveDir}/`).pathname,
      namespace: "styles",
    }));
    builder.onLoad({ filter: /.*/, namespace: "styles" }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text", watchFiles: [path] };
    });
  },
};

await build({
  entryPoints: { v1: "src/v1.ts" },
  absWorkingDir: import.meta.dirname,
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  plugins: [stylesAsText],
});

const file = new URL("dist/v1.js", import.meta.url);
const gzipped = gzipSync(await readFile(file), { level: 9 }).length;
console.log(`widget/dist/v1.js: ${(await stat(file)).size} bytes, ${gzipped} gzipped`);
if (gzipped > BUDGET_BYTES) {
  console.error(`The widget is ${gzipped - BUDGET_BYTES} bytes over its budget of ${BUDGET_BYTES} bytes gzipped.`);
  process.exit(1);
}
