/**
 * Builds what shops load, and fails when the script outgrows its budget:
 *
 *     dist/v1.js            the script as it is now
 *     dist/released/        each released script, at an address whose content never changes: 1.x.y/widget.js
 *     dist/release.json     the newest of them, and its hash for `integrity`
 *     dist/lists.json       styles and words, for lists that the server draws
 *     dist/vitrina.mjs      the module for bundlers
 *
 * Released scripts are kept in released/. Before the first release the script as it is now stands in for one.
 *
 *     node build.mjs             refuses another script under a version that is kept
 *     node build.mjs --release   keeps this one: from now on it never changes
 */
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";
import { minify } from "terser";

const BUDGET_BYTES = 10_000; // gzipped: what Shopify allows a theme extension's script
// Names of our own that neither pages nor the API nor storage know: they may be shortened. None may be one that we read
// from an object of the browser's, such as `navigator.language`, which would be shortened too
const INTERNAL = new RegExp(
  "^(granted|give|who|told|onAttention|onNavigate|onLate|onEvent|onConsent|dataLayer|automatic|rebuild|retire|recover|" +
    "outcome|answer|card|question|waiting|resolve|reject|forget|stopped|stop|root|fill|heading|voice|locale|layout|images|load|template)$",
);
const { version } = JSON.parse(await readFile(new URL("package.json", import.meta.url), "utf8"));

/** Styles become a minified string in the script, for `CSSStyleSheet.replaceSync`. */
const stylesAsText = {
  name: "styles-as-text",
  setup(builder) {
    builder.onResolve({ filter: /\.css\?inline$/ }, ({ path, resolveDir }) => ({
      path: new URL(path.replace("?inline", ""), `file://${resolveDir}/`).pathname,
      namespace: "styles",
    }));
    builder.onLoad({ filter: /.*/, namespace: "styles" }, async ({ path }) => {
      return { contents: await minifiedStyles(path), loader: "text", watchFiles: [path] };
    });
  },
};

async function minifiedStyles(path) {
  const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
  return code.trim().replaceAll(/(?<=,|--\w+:) /g, ""); // esbuild leaves custom properties as they are written
}

const shared = {
  absWorkingDir: import.meta.dirname,
  outdir: "dist",
  bundle: true,
  minify: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  define: { VERSION: JSON.stringify(version) },
  plugins: [stylesAsText],
};
// Names are left to terser, which chooses them so that the whole packs best
const plain = { ...shared, minify: false, minifySyntax: true, format: "esm" };
await build({ ...plain, entryPoints: { v1: "src/v1.ts" } });
const modules = { vitrina: "src/module.ts", texts: "src/texts.ts" };
await build({ ...shared, entryPoints: modules, format: "esm", outExtension: { ".js": ".mjs" } });

const dist = new URL("dist/", import.meta.url);
const bundled = await readFile(new URL("v1.js", dist), "utf8");
const smallest = await minify(bundled, {
  ecma: 2020,
  module: true,
  compress: { passes: 5, inline: 1, unsafe: true, unsafe_comps: true, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, arrows: false },
  mangle: { toplevel: true, properties: { regex: INTERNAL, builtins: true } },
});
const script = Buffer.from(`(()=>{${smallest.code}})()`);
await writeFile(new URL("v1.js", dist), script);
const gzipped = gzipSync(script, { level: 9 }).length;
console.log(`widget/dist/v1.js: ${script.length} bytes, ${gzipped} gzipped`);
if (gzipped > BUDGET_BYTES) {
  console.error(`The widget is ${gzipped - BUDGET_BYTES} bytes over its budget of ${BUDGET_BYTES} bytes gzipped.`);
  process.exit(1);
}

const released = new URL("released/", import.meta.url);
const kept = new URL(`${version}/widget.js`, released);
const before = await readFile(kept).catch(() => null);
if (before && !before.equals(script)) {
  console.error(
    `Version ${version} is released, and /widget/${version}/widget.js has promised never to change, but this script is another.\n` +
      "Raise `version` in package.json and build again; when it is finished, npm run release keeps it.",
  );
  process.exit(1);
}
if (process.argv.includes("--release")) {
  await mkdir(new URL(".", kept), { recursive: true });
  await writeFile(kept, script);
} else if (!before) console.log(`Version ${version} is not released yet: npm run release, once it is finished.`);
const served = new URL("released/", dist);
await rm(served, { recursive: true, force: true });
const versions = await readdir(released).catch(() => []);
if (versions.length) await cp(released, served, { recursive: true });
else {
  versions.push(version);
  await mkdir(new URL(`${version}/`, served), { recursive: true });
  await writeFile(new URL(`${version}/widget.js`, served), script);
}
const newest = versions.sort((one, other) => one.localeCompare(other, "en", { numeric: true })).at(-1);
const hash = createHash("sha384").update(await readFile(new URL(`${newest}/widget.js`, served)));
const release = { version: newest, integrity: `sha384-${hash.digest("base64")}` };
await writeFile(new URL("release.json", dist), `${JSON.stringify(release)}\n`);
const { languages } = await import(new URL("texts.mjs", dist));
const lists = { styles: await minifiedStyles(new URL("src/styles.css", import.meta.url)), languages };
await writeFile(new URL("lists.json", dist), JSON.stringify(lists));
