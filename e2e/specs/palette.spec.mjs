// The list of commands, and the keys.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

const field = (page) => page.dom.getByRole("combobox", { name: "Command" });
const lines = (page) => page.dom.getByRole("listbox", { name: "Commands" }).getByRole("option");

see("some letters name a command, and Enter does it", {}, async (page) => {
  await page.launch();
  await page.press("Control+Shift+P");
  await field(page).waitFor();
  await page.picture("palette");
  await page.expectAccessible();
  await page.type("split right");
  await until("the command first", async () => /on the right/.test(await lines(page).first().textContent()));
  await page.press("Enter");
  await until("two terminals", async () => (await page.dom.locator(".terminals > .terminal:visible").count()) === 2);
});

see("arrows choose, Escape leaves everything as it was", {}, async (page) => {
  await page.dom.getByRole("button", { name: "Commands" }).click();
  const chosen = async () => page.dom.locator(".command-line[aria-selected=true]").textContent();
  const first = await chosen();
  await page.press("ArrowDown");
  await until("another line", async () => (await chosen()) !== first);
  await page.press("Escape");
  await field(page).waitFor({ state: "detached" });
});

see("an image is launched from the list", {}, async (page) => {
  await page.press("F1");
  await field(page).fill("launch busy");
  await page.press("Enter");
  await page.prompt();
  assert.ok(await page.hasKeyboard());
});

see("a question mark shows the keys, but not where one writes", {}, async (page) => {
  await page.press("Shift+?");
  const dialog = page.dom.getByRole("dialog", { name: "Keyboard" });
  await dialog.waitFor();
  assert.ok((await dialog.getByRole("definition").count()) > 10);
  await page.picture("keyboard");
  await page.press("Escape");
  await page.launch();
  await page.type("echo ?");
  await until("what was typed", async () => (await page.screen()).includes("echo ?"));
  assert.equal(await dialog.count(), 0);
});
