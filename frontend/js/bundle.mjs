// Trunk's pre_build hook: bundles the terminal (with its add-ons split off) and the style sheet into frontend/gen.

import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const release = process.env.TRUNK_PROFILE === "release";
const common = { absWorkingDir: root, bundle: true, minify: release, logLevel: "warning", target: "es2022" };

// Hashed chunks of earlier builds would pile up and be shipped.
await rm(`${root}/frontend/gen`, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: ["frontend/js/terminal.ts", "frontend/js/window.ts"],
  outdir: "frontend/gen/terminal",
  chunkNames: "[name]-[hash]",
  format: "esm",
  splitting: true,
});
await build({
  ...common,
  target: "chrome123",
  entryPoints: ["static/css/page.css"],
  outdir: "frontend/gen",
  assetNames: "fonts/[name]",
  loader: { ".woff2": "file" },
});
