// Limits: asked for at a launch, seen, reached, changed; time that runs out, and room that must be waited for.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor({ config: "[limits]\nmax-containers = 2\n" });

/** Two shells, which is all that there is room for, and a launch that has to wait. */
async function fill(page) {
  await page.launch();
  for (const running of [1, 2]) {
    await until("the shells before", async () => (await page.api("/containers")).length === running);
    await page.openLaunchForm();
    await page.fillLaunch({});
    await page.submitLaunch();
  }
}

see("a launch with limits gets them, and the form says how to do the same by hand", {}, async (page) => {
  await page.fillLaunch({ Memory: "64m", Processes: "32", Lifetime: "1h" });
  assert.equal(await page.launchCommand(), "porthole run -it --memory 64m --pids 32 --lifetime 1h busybox");
  await page.picture("launch-form");
  await page.expectAccessible();
  await page.submitLaunch();
  await page.terminal.waitFor();
  await page.prompt();
  await page.openKernel();
  assert.match(await page.limit("Memory"), /of 64 MiB/);
  assert.match(await page.limit("Processes"), /of 32/);
  await page.picture("limits");
});

see("what a limit cannot be is said before anything is launched", {}, async (page) => {
  await page.fillLaunch({ Memory: "a lot" });
  await page.submitLaunch();
  await page.formSays("Memory takes a size, such as 64m or 1.5g.");
  assert.equal(await page.tabs.count(), 0);
});

see("forks that the limit refuses are counted", {}, async (page) => {
  await page.fillLaunch({ Processes: "8" });
  await page.submitLaunch();
  await page.terminal.waitFor();
  await page.prompt();
  await page.openKernel();
  await page.terminal.click();
  await page.type("for n in 1 2 3 4 5 6 7 8; do sleep 60 & done\n");
  await until("forks refused", async () => /forks? refused/.test(await page.limit("Processes")), () => page.limit("Processes"));
});

see("limits change while the container runs", {}, async (page) => {
  await page.launch();
  await page.openKernel();
  await page.changeLimits({ Memory: "128m", Processes: "64" });
  await until("the new limits", async () => /of 128 MiB/.test(await page.limit("Memory")), () => page.limit("Memory"));
  assert.match(await page.limit("Processes"), /of 64/);
});

see("a lifetime runs down, is extended, and its end is told", { timeout: 120_000 }, async (page) => {
  await page.fillLaunch({ Lifetime: "20s" });
  await page.submitLaunch();
  await page.terminal.waitFor();
  await page.prompt();
  await until("less than 15 seconds", async () => (await page.timeLeft()) < 15);
  await page.picture("lifetime");
  await page.extend();
  await until("more than 15 seconds", async () => (await page.timeLeft()) > 15);
  // Its lifetime anew, and the seconds that a stop may take.
  await page.terminalSays("Stopped: its lifetime was over", { timeout: 45_000 });
  await page.picture("expired");
});

see("who comes when there is no room waits, sees where, and gets a shell by itself", {}, async (page) => {
  await fill(page);
  await page.queueSays("You are next");
  await page.picture("queue");
  await page.expectAccessible();
  const [oldest] = (await page.api("/containers")).slice(-1);
  await page.api(`/containers/${oldest.id}?force=true`, { method: "DELETE" });
  await page.terminalSays("Live");
  await page.prompt();
});

see("who does not want to wait does not have to", {}, async (page) => {
  await fill(page);
  await page.queueSays("You are next");
  await page.doNotWait();
  await page.terminalSays("given up");
  assert.equal((await page.api("/containers")).length, 2);
});
