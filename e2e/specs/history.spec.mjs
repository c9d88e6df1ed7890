// More is printed than is kept: whoever comes back sees the screen as it is, and is told that earlier output is gone.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

const GONE = "Earlier output is gone";
const TOLD = "Earlier output of this terminal is gone";

/** Prints more than the mebibytes that are kept. */
const MUCH = "yes 'what nobody will see' | head -c 20m; echo";

/** Waits until there is such a file in the container. */
async function made(page, path) {
  const [{ id }] = await page.api("/containers");
  await until(path, async () => (await page.api(`/containers/${id}/stat?path=${path}`)).code === undefined);
}

/** Looks at what is above the screen. */
async function sayAbove(page, words) {
  await until(`${words} above the screen`, async () => {
    await page.press("Shift+PageUp");
    return (await page.screen()).includes(words);
  }, () => page.screen());
}

see("who was away while much was printed comes back to the screen as it is, is told what is gone, and types on", {}, async (page) => {
  const line = await page.hands.ownLine();
  await page.launch();
  await page.type(`sleep 2; ${MUCH}; printf '\\033[31mred\\033[0m and the end\\n'; touch /tmp/done\n`);
  await line.cut();
  await page.hands.markSays("Reconnecting…");
  await made(page, "/tmp/done");
  line.mend();
  await page.hands.markIsGone();
  await page.says(TOLD);
  await page.prompt();
  const lines = (await page.screen()).split("\n");
  assert.equal(lines.at(-2), "red and the end");
  assert.equal(lines.at(-4), "what nobody will see");
  await page.picture("screen-again");
  await page.expectAccessible();
  await sayAbove(page, GONE);
  assert.deepEqual(await page.run("echo goes on"), ["goes on"]);
});

see("a program that fills the screen is there after a reload as it was, and so is what is below it", { timeout: 120_000 }, async (page) => {
  await page.launch();
  await page.type(`${MUCH}; echo below the editor\n`);
  await until("the end", async () => (await page.screen()).includes("below the editor\n"), () => page.screen(), 60_000);
  await page.type("vi /tmp/poem\n");
  await until("the editor", async () => (await page.screen()).includes("~\n~"), () => page.screen());
  await page.type("ia line of the poem");
  await until("what was written", async () => (await page.screen()).startsWith("a line of the poem"), () => page.screen());
  await page.reload();
  await until("the editor as it was", async () => /^a line of the poem\n~\n~/.test(await page.screen()), () => page.screen());
  await page.says(TOLD);
  await page.picture("editor-again");
  await page.terminal.click();
  await page.press("Escape");
  await until("the editor's other mode", async () => /^- \/tmp\/poem/m.test(await page.screen()), () => page.screen());
  await page.type(":wq\n");
  await page.prompt();
  assert.match(await page.screen(), /below the editor/);
  assert.deepEqual(await page.run("cat /tmp/poem"), ["a line of the poem"]);
});
