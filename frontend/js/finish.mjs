// Trunk's post_build hook: moves the start script out of the page, so that the content security policy can forbid inline
// scripts, and in a release leaves a .br and a .gz beside each file that gains by it
// and fails when the program has grown too large.

import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const dist = process.env.TRUNK_STAGING_DIR;
/** The most that the page's program may weigh on the wire, in bytes (docs/adr/0013-small-page.md). */
const MOST_PROGRAM = 250 * 1024;
const COMPRESSIBLE = /\.(html|js|css|svg|wasm|txt|webmanifest)$/;

async function externalise() {
  const page = join(dist, "index.html");
  const html = await readFile(page, "utf8");
  const scripts = [];
  const without = html.replace(/<script type="module"[^>]*>([\s\S]+?)<\/script>/g, (_, code) => {
    scripts.push(code.trim());
    return "";
  });
  if (scripts.length === 0) throw new Error("index.html holds no start script: has Trunk changed its output?");
  const code = `${scripts.join("\n")}\n`;
  const name = `start-${createHash("sha256").update(code).digest("hex").slice(0, 16)}.js`;
  await writeFile(join(dist, name), code);
  await writeFile(page, without.replace("</head>", `<script type="module" src="/${name}"></script></head>`));
}

/** Has the browser fetch what the terminal imports at once together with it, not after it. */
async function preload() {
  const page = join(dist, "index.html");
  const terminal = await readFile(join(dist, "terminal/terminal.js"), "utf8");
  const chunks = [...new Set([...terminal.matchAll(/(?:from|import)\s*"\.\/(chunk-[^"]+\.js)"/g)].map(([, name]) => name))];
  const links = chunks.map((name) => `<link rel="modulepreload" href="/terminal/${name}">`).join("");
  await writeFile(page, (await readFile(page, "utf8")).replace("</head>", `${links}</head>`));
}

async function compress() {
  const names = await readdir(dist, { recursive: true });
  await Promise.all(names.filter((name) => COMPRESSIBLE.test(name)).map(async (name) => {
    const path = join(dist, name);
    const bytes = await readFile(path);
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    const small = await promisify(brotliCompress)(bytes, { params });
    if (name.endsWith(".wasm") && small.length > MOST_PROGRAM) {
      throw new Error(`the page's program is ${small.length} bytes (brotli), more than ${MOST_PROGRAM}`);
    }
    await writeFile(`${path}.br`, small);
    await writeFile(`${path}.gz`, await promisify(gzip)(bytes, { level: 9 }));
  }));
}

await externalise();
await preload();
if (process.env.TRUNK_PROFILE === "release") await compress();
