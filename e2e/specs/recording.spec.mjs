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
  const link = await page.hands.clipboard();
  const [, moment] = link.match(/#recording\/[0-9a-f]{16}&t=([\d.]+)$/);
  await page.dom.goto("about:blank");
  await page.dom.goto(link);
  await until("the same moment", async () => (await screen()).includes("the second"), screen);
  assert.equal(Number(await page.dom.getByRole("slider", { name: "Time" }).inputValue()), Math.round(Number(moment) * 100) / 100);
  await controls(page).locator("..").getByRole("button", { name: /^Copy/ }).click();
  await until("the copied screen", async () => (await page.hands.clipboard()).includes("the second"), () => page.hands.clipboard());
});

see("a recording from elsewhere is dropped and plays, and nothing in it is answered, copied or opened", {}, async (page) => {
  // An hour in which nothing happens, and twenty seconds in which something does: quicker than that with its pauses cut, four times as
  // fast.
  const asks = "\\u001b[c\\u001b[6n\\u001b[?1000h\\u001b]52;c;c3RvbGVu\\u0007\\u001b]0;title\\u0007\\u0007";
  const events = Array.from({ length: 25 }, (_, n) => `[${3600 + n * 0.8}, "o", "line ${n}\\r\\n"]`);
  const cast = [`{"version": 2, "width": 40, "height": 30}`, `[0.1, "o", "begun ${asks}\\r\\n"]`, ...events].join("\n");
  const sent = [];
  page.dom.on("websocket", (socket) => socket.on("framesent", ({ payload }) => typeof payload !== "string" && sent.push(payload)));
  await page.dom.reload();
  await openList(page);
  await page.dom.evaluate(() => navigator.clipboard.writeText("mine"));
  await page.drop({ "talk.cast": cast }, { on: page.dom.getByRole("region", { name: "Recordings" }), opens: controls(page) });
  await until("its length", async () => /1:00:19$/.test(await clock(page)), () => clock(page));
  await page.dom.getByRole("combobox", { name: "Speed" }).selectOption("4×");
  await page.dom.getByRole("combobox", { name: "Pauses" }).selectOption("1 s at most");
  await controls(page).getByRole("button", { name: "Play" }).click();
  await until("the end", async () => /^1:00:19/.test(await clock(page)), () => clock(page));
  const screen = async () => (await page.dom.locator(".replay-screen .xterm-rows > div").allTextContents()).join("\n").replaceAll("\u00a0", " ");
  await until("all that was printed", async () => (await screen()).includes("line 24"), screen);
  await page.type("typed");
  assert.ok(!(await screen()).includes("typed"));
  assert.equal(await page.hands.clipboard(), "mine");
  assert.equal(await page.dom.getByRole("dialog").count(), 0);
  assert.deepEqual(sent, []);
});

see("a recording is downloaded as either asciicast, and deleted", {}, async (page) => {
  await record(page, "echo kept; sleep 1; echo too");
  await openList(page);
  const saved = {};
  for (const version of [2, 3]) {
    const coming = page.dom.waitForEvent("download");
    await page.dom.getByRole("button", { name: new RegExp(`as asciicast v${version}$`) }).first().click();
    const download = await coming;
    assert.match(download.suggestedFilename(), /\.cast$/);
    const [header, ...events] = (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(header.version, version);
    const { cols, rows } = version === 3 ? header.term : { cols: header.width, rows: header.height };
    assert.ok(cols > 40 && rows > 10, "the terminal's size");
    // Times since the beginning in one, since the event before in the other.
    let at = 0;
    const output = events.filter(([, code]) => code === "o" || code === "x").map(([time, , data]) => ({ at: (at = version === 3 ? at + time : time), data }));
    saved[version] = { text: output.map(({ data }) => data).join(""), lasts: output.at(-1).at };
    assert.ok(saved[version].lasts >= 1 && saved[version].lasts < 60, `${saved[version].lasts} s`);
  }
  assert.match(saved[2].text, /kept\r\n.*too\r\n/s);
  assert.ok(saved[3].text.startsWith(saved[2].text));
  const rows = page.dom.getByRole("list", { name: "Recordings" }).getByRole("listitem");
  const before = await rows.count();
  await page.dom.getByRole("button", { name: /^Delete the recording/ }).first().click();
  await until("one less", async () => (await rows.count()) === before - 1);
});
