// The layer view: the writable layer fills while one types, and every file says which layer it comes from.

import assert from "node:assert/strict";
import { savedImage } from "../archive.mjs";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

async function sample(page) {
  await page.send("/images/load", savedImage("sample:latest"));
  await page.launch("sample");
  await page.openLayers();
  await page.terminal.click();
}

see("a file that is touched is seen in the writable layer", {}, async (page) => {
  await sample(page);
  await page.run("touch /hello");
  await until("the change", async () => (await page.changes()).includes("A /hello"));
  await until("the file", async () => (await page.fileWords("/hello")) === "hello, file, added, from the writable layer");
  await page.expectAccessible();
  await page.picture("layers-light");
});

see("a file that is deleted is still there below, and says where", {}, async (page) => {
  await sample(page);
  await page.run("rm poem.txt");
  await until("the change", async () => (await page.changes()).includes("D /app/poem.txt"));
  await page.openDirectory("/app");
  await until("the file", async () => (await page.fileWords("/app/poem.txt")) === "poem.txt, file, deleted, from layer 2");
  await page.selectFile("/app/poem.txt");
  await until("its text", async () => /first line/.test(await page.preview("/app/poem.txt").textContent()));
  assert.match(await page.preview("/app/poem.txt").textContent(), /It comes from layer 2: COPY \. \/app/);
  await page.picture("layers-deleted");
});

see("a layer tells what it did", {}, async (page) => {
  await sample(page);
  await page.lookFrom(/RUN rm/);
  await page.showOnlyChanges();
  await page.openDirectory("/app");
  await until("the whiteout", async () => (await page.fileWords("/app/old.txt")) === "old.txt, file, deleted, from layer 2");
  assert.deepEqual(await page.filesShown(), ["/app", "/app/old.txt"]);
});

see("a program is shown as hexadecimal digits, and markup as text", {}, async (page) => {
  await sample(page);
  await page.run("echo '<script>document.title=1</script>' > page.html");
  await page.openDirectory("/app");
  await page.selectFile("/app/data.bin");
  await until("its bytes", async () => /00 01 02 03 fe ff/.test(await page.preview("/app/data.bin").textContent()));
  await page.selectFile("/app/page.html");
  await until("its text", async () => /<script>document.title=1<\/script>/.test(await page.preview("/app/page.html").textContent()));
  assert.equal(await page.title(), "Porthole");
});

see("arrow keys walk in the tree", {}, async (page) => {
  await sample(page);
  await page.focusTree();
  await page.press("Home", "ArrowRight");
  await until("the directory to open", async () => (await page.filesShown()).includes("/app/poem.txt"));
  await page.press("ArrowDown", "ArrowDown", "Enter");
  await page.preview("/app/poem.txt").waitFor();
  await page.press("ArrowLeft", "ArrowLeft");
  await until("the directory to close", async () => !(await page.filesShown()).includes("/app/poem.txt"));
});

see("a container is saved as an image, which is launched at once", {}, async (page) => {
  await sample(page);
  await page.run("echo kept > /kept");
  await page.saveAsImage("saved:1");
  await page.says("saved:1 is an image now, of 4 layers");
  await page.launch("saved:1");
  assert.deepEqual(await page.run("cat /kept"), ["kept"]);
  await page.removeContainers();
  await page.api("/images?name=saved:1", { method: "DELETE" });
});

see("the layer view on a phone, in the dark", { viewport: { width: 360, height: 740 }, colorScheme: "dark" }, async (page) => {
  await page.launch();
  await page.openLayers();
  assert.equal(await page.overflow(), 0);
  await page.picture("phone-layers");
  await page.expectAccessible();
});
