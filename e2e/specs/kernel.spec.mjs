// The kernel panel: what it says is what the shell says.

import assert from "node:assert/strict";
import os from "node:os";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

see("host and container have the same kernel, as the shell confirms", {}, async (page) => {
  await page.launch();
  await page.openKernel();
  const [release] = await page.run("uname -r");
  const cells = await page.kernelRow("uname -r");
  assert.equal(cells.filter((cell) => cell.includes(release)).length, 2, cells.join(" | "));
  assert.equal(release, os.release());
  await page.picture("kernel");
});

see("a click on a value's command types it into the shell", {}, async (page) => {
  await page.launch();
  await page.openKernel();
  await page.clickCommand("uname -r");
  await until("the command and its answer", async () => {
    const lines = (await page.screen()).split("\n");
    return lines.some((line) => line.endsWith("# uname -r"));
  }, () => page.screen());
});

see("the user map of the panel is the one that the shell reads", {}, async (page) => {
  await page.launch();
  await page.openKernel();
  const [map] = await page.run("cat /proc/self/uid_map");
  const [inside, outside, count] = map.trim().split(/\s+/).map(Number);
  assert.equal(inside, 0);
  assert.ok(outside >= 100_000, "root in here must be nobody out there");
  const { container } = await page.api(`/containers/${(await page.api("/containers"))[0].id}/kernel`);
  assert.deepEqual(container.uid_map, [{ inside, outside, count }]);
  await until("the range in the panel", async () => (await page.kernel.textContent()).includes(String(outside)));
});

see("the birth timeline tells each step", {}, async (page) => {
  await page.launch();
  await page.openKernel();
  await until("clone3 in the timeline", async () => /clone3/.test(await page.timeline.textContent()));
  assert.match(await page.timeline.textContent(), /pivot_root/);
});
