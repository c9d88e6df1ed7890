// The connection comes and goes; the shell stays.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";

const see = visitor();

see("after a reload the same shell is there", {}, async (page) => {
  await page.launch();
  const [pid] = await page.run("echo $$");
  await page.run("keep=this");
  await page.reload();
  await page.prompt();
  await page.terminal.click();
  assert.deepEqual(await page.run("echo $keep $$"), [`this ${pid}`]);
});

see("an agent that dies is missed, and when it is back the shell goes on", {}, async (page, porthole) => {
  page.expects(/WebSocket|ERR_CONNECTION_REFUSED/);
  await page.launch();
  const [pid] = await page.run("echo $$");
  await page.run("keep=this");
  await porthole.killAgent();
  await page.connectionIs("Disconnected");
  await page.picture("disconnected");
  await porthole.startAgain();
  await page.connectionIs("Connected");
  assert.deepEqual(await page.run("echo $keep $$"), [`this ${pid}`]);
});
