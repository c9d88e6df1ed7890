// Files go into a container and come out of it.

import assert from "node:assert/strict";
import { savedImage } from "../archive.mjs";
import { visitor } from "../browser.mjs";

const see = visitor();

see("a dropped file is in the container", {}, async (page) => {
  await page.send("/images/load", savedImage("sample:latest"));
  await page.launch("sample");
  await page.drop({ "notes.txt": "from outside\n" });
  assert.equal(await page.putDirectory(), "/app");
  await page.putIn();
  await page.says("notes.txt is in /app of");
  await page.terminal.click();
  assert.deepEqual(await page.run("cat /app/notes.txt"), ["from outside"]);
});

see("several files go where one says, and one that is there is replaced after it was told", {}, async (page) => {
  await page.launch();
  await page.run("echo old > /tmp/a.txt");
  await page.drop({ "a.txt": "new\n", "b.txt": "other\n" });
  await page.setPutDirectory("/tmp");
  await page.dialogSays(/replaces the one there/);
  await page.picture("drop");
  await page.putIn();
  await page.says("2 files are in /tmp of");
  await page.terminal.click();
  assert.deepEqual(await page.run("cat /tmp/a.txt /tmp/b.txt"), ["new", "other"]);
});

see("a directory that is not there is told", {}, async (page) => {
  page.expects(/404/);
  await page.launch();
  await page.drop({ "a.txt": "new\n" });
  await page.setPutDirectory("/nowhere");
  await page.dialogSays(/nowhere/);
});

see("a file of the tree is saved", {}, async (page) => {
  await page.launch();
  await page.run("echo take me > /root/out.txt");
  await page.openLayers();
  await page.openDirectory("/root");
  await page.selectFile("/root/out.txt");
  assert.deepEqual(await page.download("/root/out.txt"), { name: "out.txt", text: "take me\n" });
});
