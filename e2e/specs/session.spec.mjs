// A visitor's session: how long it lasts, its quota, and its end.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor({ config: '[visitors]\nenabled = true\nlifetime = "3m"\ncontainers = 2\n', asVisitor: true });

const seeShort = visitor({ config: '[visitors]\nenabled = true\nlifetime = "24s"\nlongest = "32s"\n', asVisitor: true });

const left = (page) => page.dom.getByRole("timer", { name: "Session" });

see("a visitor sees when the session ends", {}, async (page) => {
  await left(page).filter({ hasText: /Ends in \d/ }).waitFor();
  await page.picture("session");
  await page.expectAccessible();
});

see("what may be launched is told before it is asked for", {}, async (page) => {
  await page.launch();
  await page.openLaunchForm();
  await page.dom.getByRole("dialog").getByText("1 of 2 containers").waitFor();
});

see("a session that is ended is gone with its containers, and a new one begins", {}, async (page) => {
  page.expects(/WebSocket/);
  await page.launch();
  await page.dom.getByRole("button", { name: "End the session" }).click();
  await page.dom.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await page.dom.getByRole("heading", { name: /session has ended/ }).waitFor();
  await page.picture("session-ended");
  await page.expectAccessible();
  await page.dom.getByRole("button", { name: "Start a new one" }).click();
  await until("the welcome", async () => page.launchButton.isVisible());
  assert.equal(await page.tabs.count(), 0);
});

seeShort("a session that is about to end counts down, and is extended with what runs in it", {}, async (page) => {
  await page.launch();
  const seconds = async () => Number((await left(page).textContent()).match(/(\d+) s/)?.[1]);
  const before = await seconds();
  await until("less time", async () => (await seconds()) < before, seconds);
  await page.dom.getByRole("button", { name: "Extend the session" }).click();
  await until("more time than there was", async () => (await seconds()) > 14, seconds);
  await until("its second half", async () => (await seconds()) < 15, seconds);
  assert.equal(await page.dom.getByRole("button", { name: "Extend the session" }).count(), 0, "it cannot last longer");
  await page.picture("session-extended");
  await page.terminal.click();
  assert.deepEqual(await page.run("echo still here"), ["still here"]);
});
