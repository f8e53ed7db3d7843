// @vitest-environment node
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const FILES = ["src", "build.mjs", "package.json"];

/** A copy of the widget's sources, to be built by itself. */
function copied(): string {
  const folder = mkdtempSync(join(tmpdir(), "vitrina-widget-"));
  for (const name of FILES) cpSync(name, join(folder, name), { recursive: true });
  symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "releases.json"), "{}");
  return folder;
}

const built = (folder: string) => spawnSync("node", ["build.mjs"], { cwd: folder, encoding: "utf8" });

test("a released version is never built anew with another content", { timeout: 60_000 }, () => {
  const folder = copied();
  expect(built(folder).stdout).toContain("not released yet");
  execFileSync("node", ["build.mjs", "--release"], { cwd: folder });
  expect(built(folder)).toMatchObject({ status: 0, stderr: "" });
  const script = readFileSync(join(folder, "dist", "v1.js"), "utf8");
  const source = join(folder, "src", "v1.ts");
  writeFileSync(source, readFileSync(source, "utf8").replace("needs data-key", "lacks data-key")); // no byte longer
  const refused = built(folder);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("Raise `version` in package.json");
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  expect(readFileSync(join(folder, "dist", version, "widget.js"), "utf8")).toBe(script);
});
