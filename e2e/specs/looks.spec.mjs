// How it looks and whom it serves: light and dark, wide and narrow, with eyes and without.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";

const see = visitor();

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

for (const colorScheme of ["light", "dark"]) {
  see(`axe finds nothing wrong with the page, ${colorScheme}`, { colorScheme }, async (page) => {
    await page.expectAccessible();
    await page.picture(`home-${colorScheme}`);
  });

  see(`axe finds nothing wrong with a terminal and the kernel panel, ${colorScheme}`, { colorScheme }, async (page) => {
    await page.launch();
    await page.expectAccessible();
    await page.openKernel();
    await page.run("ls");
    await page.expectAccessible();
    await page.picture(`terminal-${colorScheme}`);
  });
}

see("a phone shows everything within its width", { ...PHONE }, async (page) => {
  assert.equal(await page.overflow(), 0);
  await page.picture("phone-home");
  await page.launch();
  assert.equal(await page.overflow(), 0);
  await page.picture("phone-terminal");
  await page.openKernel();
  assert.equal(await page.overflow(), 0);
  await page.picture("phone-kernel");
  await page.expectAccessible();
});
