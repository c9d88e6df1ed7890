// Images: added from an archive, pulled, looked at, launched, named, deleted.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer } from "node:http";
import { savedImage, tar } from "../archive.mjs";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";
import { lacking, Registry } from "../registry.mjs";

const see = visitor();

see("an archive is added, seen, launched and deleted", {}, async (page) => {
  await page.openImages();
  await page.addArchive("sample.tar", savedImage("sample:latest"));
  await page.says("sample.tar is unpacked");
  await page.openImage("sample");
  const history = await page.history.getByRole("listitem").allTextContents();
  assert.equal(history.length, 4);
  assert.match(history[0], /^RUN rm \/app\/old\.txt/);
  assert.match(history[2], /^ENV KIND=samplechanged no file/);
  assert.match(await page.configuration.textContent(), /Directory\/app/);
  await page.picture("image");
  await page.launchShownImage("sample");
  assert.deepEqual(await page.run("cat poem.txt"), ["first line", "second line"]);
  await page.removeContainers();
  await page.openImages();
  await page.openImage("sample");
  await page.deleteImage("sample");
  await page.says("sample is deleted");
  await until("the image to go", async () => !(await page.imageNames()).includes("sample"));
});

see("an image that a container uses is deleted only after a further word", {}, async (page) => {
  await page.openImages();
  await page.addArchive("held.tar", savedImage("held:latest"));
  await page.openImage("held");
  await page.launchShownImage("held");
  await page.openImages();
  await page.openImage("held");
  await page.deleteImage("held", { evenIf: "Although a container uses it" });
  await page.says("held has no name any more");
  await page.removeContainers();
  await page.forgetNamelessImages();
});

see("a second name is given, and both are told", {}, async (page) => {
  await page.openImages();
  await page.openImage("busybox");
  await page.tagImage("busybox", "second:1");
  await until("the name", async () => /second:1/.test(await page.configuration.textContent()));
  await page.api("/images?name=second:1", { method: "DELETE" });
});

see("a root file system becomes an image of one layer", {}, async (page) => {
  await page.openImages();
  await page.addArchive("Tiny.tar", tar([{ path: "hello", text: "hi\n" }]), { asRoot: true });
  await page.says("Tiny.tar is unpacked");
  await page.openImage("tiny");
  await page.deleteImage("tiny");
});

see("an archive that is none is refused with a sentence", {}, async (page) => {
  page.expects(/400|422/);
  await page.openImages();
  await page.addArchive("noise.tar", Buffer.alloc(4096, 7));
  await page.dialogSays(/archive/i);
});

see("the page of images has the keyboard, and axe finds nothing wrong", {}, async (page) => {
  await page.openImages();
  const regions = await page.regionsByKey("F6", 4);
  assert.deepEqual([...new Set(regions)].sort(), ["images", "sidebar", "top"]);
  await page.expectAccessible();
  await page.picture("images-light");
  await page.openImage("busybox");
  await page.history.waitFor();
  await page.expectAccessible();
});

see("images on a phone, in the dark", { viewport: { width: 360, height: 740 }, colorScheme: "dark" }, async (page) => {
  await page.openImages();
  await page.addArchive("sample.tar", savedImage("sample:latest"));
  await page.says("sample.tar is unpacked");
  assert.equal(await page.overflow(), 0);
  await page.picture("phone-images");
  await page.openImage("sample");
  await page.history.waitFor();
  assert.equal(await page.overflow(), 0);
  await page.picture("phone-image");
  await page.expectAccessible();
  await page.deleteImage("sample");
  await page.says("sample is deleted");
});

see("an image is pulled from a registry, layer by layer", { skip: lacking }, async (page) => {
  const registry = await Registry.start();
  try {
    const name = await registry.add(savedImage("sample:latest"), "team/sample:1");
    await page.openImages();
    await page.pull(name);
    await page.says(`${name} is here.`);
    await page.openImage(name);
    await page.deleteImage(name);
  } finally {
    await registry.stop();
  }
});

see("an image that is not here is pulled when it is launched", { skip: lacking }, async (page) => {
  const registry = await Registry.start();
  try {
    const name = await registry.add(savedImage("sample:latest"), "team/sample:2");
    await page.launchByName(name);
    await page.acceptPull(name);
    await page.terminal.waitFor();
    await page.prompt();
    assert.deepEqual(await page.run("cat poem.txt"), ["first line", "second line"]);
    await page.removeContainers();
    await page.api(`/images?name=${encodeURIComponent(name)}`, { method: "DELETE" });
  } finally {
    await registry.stop();
  }
});

see("a pull that is given up is gone without a complaint", {}, async (page) => {
  // It takes the connection and never says a word.
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const name = `127.0.0.1:${silent.address().port}/slow:1`;
  await page.openImages();
  await page.pull(name);
  await page.cancelPull(name);
  // Answers come in order: what follows is answered after it.
  await page.pull("127.0.0.1:1/nothing:1");
  await page.pullFails("127.0.0.1:1/nothing:1");
  assert.deepEqual(await page.messages(), []);
  silent.closeAllConnections?.();
  silent.close();
});

see("a pull that fails says why and what to do", {}, async (page) => {
  await page.openImages();
  // Nobody listens on port 1.
  await page.pull("127.0.0.1:1/nothing:1");
  await page.pullFails("127.0.0.1:1/nothing:1");
  await page.picture("pull-failed");
});
