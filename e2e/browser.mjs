// Chromium as a visitor has it, and what is kept when a spec fails.

import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { Page } from "./page.mjs";
import { Porthole } from "./porthole.mjs";

const OUT = new URL("out/", import.meta.url);
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

// Software WebGL is many times slower than xterm.js's DOM renderer, and only the latter can be read back.
const FLAGS = [
  "--disable-3d-apis",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Specs of one file: one agent, with what its configuration file is to say, and one browser for all of them.
 * With `asVisitor` the page is opened without the owner's token.
 * Returns `see(name, options, spec)`: a spec gets a page that has been opened, and the agent behind it.
 */
export function visitor({ config, asVisitor = false } = {}) {
  let porthole;
  let browser;

  before(async () => {
    await mkdir(OUT, { recursive: true });
    porthole = await Porthole.start(config);
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      chromiumSandbox: process.getuid() !== 0,
      // What the browser did not fetch has no address, and may not dial this machine.
      args: process.env.PAGE ? [...FLAGS, "--disable-features=LocalNetworkAccessChecks"] : FLAGS,
    });
  });

  after(async () => {
    await browser?.close();
    await porthole?.stop();
  });

  return function see(name, options, spec) {
    const { timeout = 60_000, skip = false, ...context } = options;
    test(name, { timeout, skip }, async () => {
      const visit = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...context });
      await servePage(visit);
      await visit.grantPermissions(["clipboard-read", "clipboard-write"]);
      const page = new Page(await visit.newPage(), porthole, axe);
      try {
        await page.open(asVisitor);
        await spec(page, porthole);
        page.expectNoErrors();
      } catch (error) {
        await keep(name, page, porthole);
        throw error;
      } finally {
        await porthole.ensureAlive();
        await page.removeContainers();
        await visit.close();
      }
    });
  };
}

/**
 * With PAGE in the environment, the page's files come from that directory instead of the program: a page that has changed is tried
 * without building the program anew.
 */
export async function servePage(visit) {
  const directory = process.env.PAGE;
  if (!directory) return;
  await visit.route(/^http:\/\/127\.0\.0\.1:\d+\/(?!api\/)/, async (route) => {
    const { pathname } = new URL(route.request().url());
    const path = pathname.includes(".") ? pathname : "/index.html";
    await route.fulfill({ path: `${directory}${path}` });
  });
}

/** Screenshot, the page's console and the agent's log of a failed spec. */
async function keep(name, page, porthole) {
  const base = name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase();
  await page.picture(`failed-${base}`).catch(() => {});
  const text = `${page.console.join("\n")}\n\n--- porthole\n${porthole.log.join("\n")}\n`;
  await writeFile(new URL(`failed-${base}.log`, OUT), text);
}
