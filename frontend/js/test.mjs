// Tests of the modules that need no browser: types first, then each `tests/*.test.ts`, bundled and run by Node's own runner.

import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tests = `${root}/frontend/js/tests`;
const outdir = await mkdtemp(join(tmpdir(), "porthole-page-"));
const run = (...command) => spawnSync(process.execPath, command, { cwd: root, stdio: "inherit" }).status ?? 1;

try {
  const names = (await readdir(tests)).filter((name) => name.endsWith(".test.ts"));
  await build({
    absWorkingDir: root,
    bundle: true,
    entryPoints: names.map((name) => join(tests, name)),
    format: "esm",
    logLevel: "warning",
    outExtension: { ".js": ".mjs" },
    outdir,
    platform: "node",
    sourcemap: "inline",
  });
  const types = run("node_modules/typescript/bin/tsc", "-p", "frontend");
  const files = names.map((name) => join(outdir, name.replace(/\.ts$/, ".mjs")));
  const tested = run("--enable-source-maps", "--test", "--test-reporter=spec", ...files);
  process.exitCode = types || tested;
} finally {
  await rm(outdir, { recursive: true, force: true });
}
