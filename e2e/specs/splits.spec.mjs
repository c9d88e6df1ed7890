// Terminals side by side: split, resized, moved, renamed, still there after a reload.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

const panes = (page) => page.dom.locator(".terminals > .terminal:visible");
const names = (page) => page.dom.locator(".tab:visible .tab-name").allTextContents();
const boxes = async (page) => Promise.all((await panes(page).all()).map((pane) => pane.boundingBox()));

async function split(page, key) {
  const before = await panes(page).count();
  await page.press(`Control+Shift+${key}`);
  await until("one more terminal", async () => (await panes(page).count()) === before + 1);
  await page.prompt();
}

async function rename(page, name) {
  await page.dom.getByRole("tab", { selected: true }).dblclick();
  await page.dom.getByRole("dialog").getByRole("textbox", { name: "Name" }).fill(name);
  await page.press("Enter");
  await until("the name", async () => (await names(page)).includes(name), () => names(page));
}

see("a split puts a second shell of the same container beside the first, and each has its own screen", {}, async (page) => {
  await page.launch();
  await page.run("echo left > /tmp/mark");
  await split(page, "E");
  assert.deepEqual(await page.run("cat /tmp/mark"), ["left"]);
  const [left, right] = await boxes(page);
  assert.ok(right.x >= left.x + left.width - 1 && right.y === left.y, "beside each other");
  await split(page, "O");
  const [, upper, lower] = await boxes(page);
  assert.ok(lower.y >= upper.y + upper.height - 1 && lower.x === upper.x, "one above the other");
  assert.equal((await names(page)).length, 1, "they are one tab");
  await page.picture("splits");
  await page.expectAccessible();
});

see("the line between terminals moves by pointer and by key, and the terminals follow", {}, async (page) => {
  await page.launch();
  await split(page, "E");
  const line = page.dom.getByRole("separator");
  const width = async () => (await boxes(page))[0].width;
  const before = await width();
  const box = await line.boundingBox();
  await page.dom.mouse.move(box.x + box.width / 2, box.y + 200);
  await page.dom.mouse.down();
  await page.dom.mouse.move(box.x - 100, box.y + 200, { steps: 4 });
  await page.dom.mouse.up();
  await until("a narrower first terminal", async () => (await width()) < before - 80, width);
  const narrow = await width();
  await line.focus();
  await page.press("ArrowRight", "ArrowRight");
  await until("a wider one", async () => (await width()) > narrow, width);
});

see("closing one of two gives its place to the other", {}, async (page) => {
  await page.launch();
  const [whole] = await boxes(page);
  await split(page, "E");
  await page.dom.getByRole("button", { name: /^Close .* sh 2$/ }).click();
  await until("one terminal", async () => (await panes(page).count()) === 1);
  const [alone] = await boxes(page);
  assert.equal(alone.width, whole.width);
  await page.terminal.click();
  assert.deepEqual(await page.run("echo here"), ["here"]);
});

see("tabs are renamed, moved by pointer and by key, and all is so after a reload", {}, async (page) => {
  await page.launch();
  await rename(page, "one");
  await page.newTerminal();
  await rename(page, "two");
  await split(page, "E");
  await page.newTerminal();
  await rename(page, "three");
  const tab = (name) => page.dom.getByRole("tab", { name });
  await tab("three").dragTo(tab("one"));
  await until("the order of the drag", async () => (await names(page))[0] === "three", () => names(page));
  await tab("three").focus();
  await page.press("Shift+ArrowRight");
  await until("the order of the key", async () => (await names(page))[1] === "three", () => names(page));
  assert.equal((await page.api("/containers")).length, 1, "what moves is not launched again");
  const before = await names(page);
  await page.reload();
  await until("the same tabs", async () => (await names(page)).join() === before.join(), () => names(page));
  await tab(before[2]).click();
  await until("both terminals of the split", async () => (await panes(page).count()) === 2);
});

see("a terminal is moved into another tab: by a command, by its head, by its tab", {}, async (page) => {
  await page.launch();
  await rename(page, "one");
  await page.run("echo first");
  await page.newTerminal();
  await rename(page, "two");
  await page.run("echo second");
  await page.press("F1", "Control+Shift+P");
  await page.type("move tab one");
  await until("the command", async () => /Move the terminal to the tab one/.test(await page.dom.getByRole("option").first().textContent()));
  await page.press("Enter");
  await until("one tab with both", async () => (await panes(page).count()) === 2 && (await names(page)).length === 1, () => names(page));
  assert.match(await page.screen(), /second/, "it has kept its screen");
  await page.press("Control+Shift+Enter");
  await until("a tab of its own", async () => (await names(page)).length === 2);
  await page.prompt();
  await rename(page, "three");
  await page.dom.getByRole("tab", { name: "two" }).click();
  await until("both", async () => (await panes(page).count()) === 2);
  await page.dom.locator(".pane-head").first().dragTo(page.dom.getByRole("tab", { name: "three" }));
  await until("the first one beside the third", async () => (await names(page)).length === 2 && (await panes(page).count()) === 2, () => names(page));
  assert.match(await page.screen(), /first/);
  await page.dom.getByRole("tab", { name: "two" }).dragTo(page.dom.locator(".terminals"));
  await until("all in one tab", async () => (await panes(page).count()) === 3 && (await names(page)).length === 1, () => names(page));
  assert.equal((await page.api("/containers")).length, 1, "nothing was launched for it");
});

see("where it is narrow, each terminal of a split is a tab", {}, async (page) => {
  await page.launch();
  await split(page, "E");
  await page.resize(420, 800);
  await until("one terminal", async () => (await panes(page).count()) === 1);
  assert.equal((await names(page)).length, 2);
  assert.equal(await page.overflow(), 0);
  await page.picture("splits-phone");
});

see("Ctrl+W in a shell asks before it closes the page, and a reload does not", {}, async (page) => {
  await page.launch();
  const asked = [];
  page.dom.on("dialog", (dialog) => {
    asked.push(dialog.type());
    dialog.dismiss().catch(() => {});
  });
  await page.type("some words");
  await page.dom.keyboard.down("Control");
  await page.dom.close({ runBeforeUnload: true });
  await until("the question", async () => asked.length > 0);
  await page.dom.keyboard.up("Control");
  assert.deepEqual(asked, ["beforeunload"]);
  await page.reload();
  assert.deepEqual(asked, ["beforeunload"]);
});
