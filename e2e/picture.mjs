// The picture in the README, taken anew: `PORTHOLE=… node --test picture.mjs`. Look at it before it is kept.

import { visitor } from "./browser.mjs";

const see = visitor();

const COMMANDS = ["id", "cat /proc/self/uid_map", "ps", "mount -t tmpfs none /mnt", "readlink /proc/self/ns/pid"];

see("the picture in the README", { viewport: { width: 1360, height: 820 }, deviceScaleFactor: 1.5, colorScheme: "dark" }, async (page) => {
  await page.launch();
  await page.newTerminal();
  await page.tabs.first().click();
  await page.openKernel();
  await page.terminal.click();
  for (const command of COMMANDS) {
    await page.type(`${command}\n`);
    await page.dom.waitForTimeout(300);
    await page.prompt();
  }
  // What a distribution or a cloud adds to its kernel's name says nothing here.
  await page.dom.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) if (!texts.currentNode.parentElement.closest(".xterm")) texts.currentNode.data = texts.currentNode.data.replace(/(\d+\.\d+\.\d+)-\S+/, "$1");
  });
  await page.dom.screenshot({ path: new URL("../docs/picture.png", import.meta.url).pathname, animations: "disabled" });
});
