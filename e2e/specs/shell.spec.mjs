// A shell: launched in one click, typed into, resized, ended.

import assert from "node:assert/strict";
import os from "node:os";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

see("the page offers busybox to launch", {}, async (page) => {
  await page.picture("home");
  assert.equal(await page.tabs.count(), 0);
});

see("one click gives a root shell that has the keyboard", {}, async (page) => {
  await page.launch();
  assert.ok(await page.hasKeyboard());
  const [id] = await page.run("id");
  assert.match(id, /^uid=0\(root\) gid=0\(root\)/);
  assert.deepEqual(await page.run("uname -r"), [os.release()]);
});

see("a second terminal is in the same container, and each keeps its screen", {}, async (page) => {
  await page.launch();
  await page.run("echo first > /tmp/mark");
  await page.newTerminal();
  assert.ok(await page.hasKeyboard());
  assert.deepEqual(await page.run("cat /tmp/mark"), ["first"]);
  await page.run("echo second");
  await page.tabs.first().click();
  await until("the first screen", async () => !(await page.screen()).includes("second"));
});

see("a terminal follows the size of the window", {}, async (page) => {
  await page.launch();
  const [wide] = await page.run("stty size");
  await page.resize(900, 500);
  const size = async () => (await page.run("stty size"))[0];
  await until("a smaller terminal", async () => (await size()) !== wide, size);
  const [rows, columns] = (await size()).split(" ").map(Number);
  const [rowsBefore, columnsBefore] = wide.split(" ").map(Number);
  assert.ok(rows < rowsBefore && columns < columnsBefore, `${wide} became ${rows} ${columns}`);
});

see("wide characters take two cells", {}, async (page) => {
  await page.launch();
  assert.deepEqual(await page.run("printf '漢字|🚀|é\\n'"), ["漢字|🚀|é"]);
});

see("exit shows the status", {}, async (page) => {
  await page.launch();
  await page.type("exit 7\n");
  await page.terminalSays("Exited with status 7");
  await page.picture("exited");
});

see("a command that eats the memory ends the container, and the page says so", {}, async (page) => {
  await page.launch();
  await page.type("tail /dev/zero\n");
  await page.terminalSays("Killed: the container used up its memory");
  await page.picture("out-of-memory");
});
