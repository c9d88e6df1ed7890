// A terminal is recorded, and the recording is played.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

const mark = (page) => page.dom.locator(".terminal-head").getByText("Recording", { exact: true });
const controls = (page) => page.dom.getByRole("group", { name: "Replay" });
const clock = (page) => page.dom.locator(".replay-clock").textContent();

async function record(page, command) {
  await page.launch();
  const button = page.dom.getByRole("button", { name: "Record", exact: true });
  await button.click();
  await mark(page).waitFor();
  await page.terminal.click();
  await page.run(command);
  await page.picture("recording");
  await button.click();
  await mark(page).waitFor({ state: "detached" });
}

async function openList(page) {
  await page.dom.getByRole("link", { name: "Recordings" }).first().click();
  await page.dom.getByRole("region", { name: "Recordings" }).getByRole("heading", { name: "Recordings" }).waitFor();
}

see("a recording is marked while it is on, and played, searched and linked to afterwards", { timeout: 90_000 }, async (page) => {
  await record(page, "echo the first; sleep 1; echo the second");
  await openList(page);
  const list = page.dom.getByRole("list", { name: "Recordings" });
  await page.picture("recordings");
  await page.expectAccessible();
  await list.getByRole("link").first().click();
  await controls(page).waitFor();
  await until("its length", async () => /0:0[1-9]$/.test(await clock(page)), () => clock(page));
  await controls(page).getByRole("button", { name: "Play" }).click();
  await until("the end", async () => (await controls(page).getByRole("button", { name: "Play" }).count()) === 1
    && /^0:0[1-9]/.test(await clock(page)), () => clock(page));
  const screen = async () => (await page.dom.locator(".replay-screen .xterm-rows > div").allTextContents()).join("\n").replaceAll("\u00a0", " ");
  await until("what was printed", async () => (await screen()).includes("the second"), screen);
  await page.dom.getByRole("slider", { name: "Time" }).focus();
  await page.press("Home");
  await until("the beginning", async () => (await clock(page)).startsWith("0:00"), () => clock(page));
  await page.dom.getByRole("searchbox", { name: "Find in the recording" }).fill("the second");
  await page.press("Enter");
  await until("the place", async () => (await screen()).includes("the second"), screen);
  await page.picture("replay");
  await page.expectAccessible();
  await page.dom.getByRole("button", { name: "Link to this moment" }).click();
  await page.dom.getByText("Copied").waitFor();
  const link = await page.dom.evaluate(() => navigator.clipboard.readText());
  assert.match(link, /#recording\/[0-9a-f]{16}&t=[\d.]+$/);
});

see("a recording is downloaded as an asciicast, and deleted", {}, async (page) => {
  await record(page, "echo kept");
  await openList(page);
  const coming = page.dom.waitForEvent("download");
  await page.dom.getByRole("button", { name: /as asciicast v2$/ }).first().click();
  const download = await coming;
  const [header, ...events] = (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(header.version, 2);
  assert.ok(events.some(([, code, data]) => code === "o" && data.includes("kept")));
  const rows = page.dom.getByRole("list", { name: "Recordings" }).getByRole("listitem");
  const before = await rows.count();
  await page.dom.getByRole("button", { name: /^Delete the recording/ }).first().click();
  await until("one less", async () => (await rows.count()) === before - 1);
});
