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
  assert.deepEqual(await page.kernelRow("uname -r"), { host: release, container: release });
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
  const row = await page.kernelRow("cat /proc/self/uid_map");
  assert.ok(row.container.includes(String(outside)), row.container);
  assert.equal(row.host, "every id is itself");
});

see("every namespace of the container is its own", {}, async (page) => {
  await page.launch();
  await page.openKernel();
  for (const kind of ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]) {
    const command = `readlink /proc/self/ns/${kind}`;
    const { host, container } = await page.kernelRow(command);
    assert.notEqual(host, container, kind);
    assert.deepEqual(await page.run(command), [`${kind}:[${container}]`]);
  }
});

see("the birth timeline tells each step", {}, async (page) => {
  await page.launch();
  await page.openTimeline();
  const text = await page.timeline.textContent();
  for (const call of ["clone3", "uid_map", "pivot_root", "seccomp", "execve"]) assert.match(text, new RegExp(call));
  await page.picture("birth");
});
