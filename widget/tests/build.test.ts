// @vitest-environment node
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const FILES = ["src", "build.mjs", "package.json"];

/** A copy of the widget's sources, to be built by itself. */
function copied(): string {
  const folder = mkdtempSync(join(tmpdir(), "vitrina-widget-"));
  for (const name of FILES) cpSync(name, join(folder, name), { recursive: true });
  symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Pretend that the next version is being worked on. */
function raise(folder: string, version: string) {
  const path = join(folder, "package.json");
  writeFileSync(path, readFileSync(path, "utf8").replace(/"version": "[^"]+"/, `"version": "${version}"`));
}

function change(folder: string, from: string, to: string) {
  const path = join(folder, "src", "v1.ts");
  writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
}

const built = (folder: string) => spawnSync("node", ["build.mjs"], { cwd: folder, encoding: "utf8" });

test("a released version stays as it is, and the next one beside it", { timeout: 120_000 }, () => {
  const folder = copied();
  const script = (...path: string[]) => readFileSync(join(folder, ...path, "widget.js"), "utf8");
  const told = () => JSON.parse(readFileSync(join(folder, "dist", "release.json"), "utf8"));
  const hashOf = (text: string) => `sha384-${createHash("sha384").update(text).digest("base64")}`;
  raise(folder, "1.9.0");
  expect(built(folder).stdout).toContain("not released yet");
  expect(told()).toEqual({ version: "1.9.0", integrity: hashOf(script("dist", "released", "1.9.0")) }); // as none is kept
  expect(existsSync(join(folder, "released"))).toBe(false);
  execFileSync("node", ["build.mjs", "--release"], { cwd: folder });
  expect(built(folder)).toMatchObject({ status: 0, stderr: "" });
  expect(script("released", "1.9.0")).toBe(readFileSync(join(folder, "dist", "v1.js"), "utf8"));
  expect(told().version).toBe("1.9.0");
  const first = script("released", "1.9.0");

  change(folder, "no data-key", "no data key"); // no byte longer
  const refused = built(folder);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("Raise `version` in package.json");

  raise(folder, "1.10.0");
  expect(built(folder).stdout).toContain("not released yet");
  expect(told()).toEqual({ version: "1.9.0", integrity: hashOf(first) });
  expect(existsSync(join(folder, "dist", "released", "1.10.0"))).toBe(false); // it would not stay as it is
  execFileSync("node", ["build.mjs", "--release"], { cwd: folder });
  expect(told().version).toBe("1.10.0");
  expect([script("released", "1.9.0"), script("dist", "released", "1.9.0")]).toEqual([first, first]);
});
