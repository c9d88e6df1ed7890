// The connection comes and goes; the shell stays.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

see("after a reload the container is still there", {}, async (page) => {
  await page.launch();
  await page.run("echo kept > /tmp/mark");
  const [before] = await page.api("/containers");
  await page.reload();
  await page.launchButton.waitFor();
  const [after] = await page.api("/containers");
  assert.equal(after.id, before.id);
  assert.equal(after.state, "running");
});

see("an agent that dies is missed, and when it is back the shell goes on", {}, async (page, porthole) => {
  page.expects(/WebSocket|ERR_CONNECTION_REFUSED/);
  await page.launch();
  const [pid] = await page.run("echo $$");
  await page.run("keep=this");
  await porthole.killAgent();
  await page.says(/disconnected|reconnecting/i);
  await page.picture("disconnected");
  await porthole.startAgain();
  await page.saysNoMore(/disconnected|reconnecting/i);
  await until("the shell's answer", async () => (await page.run("echo $keep $$"))[0] === `this ${pid}`);
});
