// One terminal, several people: links to watch and to type, who is here, the keyboard, the end of a link.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";
import { Guest } from "../guest.mjs";
import { Hands } from "../hands.mjs";
import { until } from "../page.mjs";

const see = visitor();

const dialog = (page) => page.dom.getByRole("dialog", { name: /^Share / });

/** Makes a link in the dialog, which is left open. */
async function link(page, may) {
  if (!(await dialog(page).isVisible())) await page.dom.getByRole("button", { name: "Share", exact: true }).click();
  await dialog(page).getByRole("radio", { name: may }).check();
  const before = await dialog(page).getByRole("textbox", { name: "Link" }).count();
  const old = before ? await dialog(page).getByRole("textbox", { name: "Link" }).inputValue() : "";
  await dialog(page).getByRole("button", { name: "Make a link" }).click();
  const field = dialog(page).getByRole("textbox", { name: "Link" });
  await until("a new link", async () => (await field.count()) === 1 && (await field.inputValue()) !== old);
  return field.inputValue();
}

async function close(page) {
  await page.press("Escape");
  await dialog(page).waitFor({ state: "detached" });
  await page.terminal.click();
}

see("whoever has a link to watch sees the terminal as it is, at its size, and types nothing", {}, async (page) => {
  await page.launch();
  const size = await page.run("stty size");
  const watch = await link(page, "Watch");
  assert.match(watch, /#join\/.+/);
  await page.picture("share");
  await page.expectAccessible();
  await close(page);
  const grace = await Guest.join(page, watch, "Grace");
  await grace.isTold("Watching");
  await page.run("echo for all to see");
  await grace.sees("for all to see");
  await grace.type("echo of the guest\n");
  assert.deepEqual(await page.run("stty size"), size, "the owner's size stays");
  assert.ok(!(await page.screen()).includes("of the guest"));
  await page.dom.getByRole("list", { name: "Who is here" }).getByText("Grace: watches").waitFor({ state: "attached" });
  await grace.dom.screenshot({ path: new URL("../out/watching.png", import.meta.url).pathname });
  await page.picture("watched");
  await grace.leave();
});

see("whoever has a link to type types, until the keyboard is somebody else's", {}, async (page) => {
  await page.launch();
  const type = await link(page, "Type");
  await close(page);
  const grace = await Guest.join(page, type, "Grace");
  await grace.isTold("You type in");
  await grace.type("echo from the $((40 + 2))nd guest\n");
  await until("what the guest did", async () => (await page.screen()).includes("from the 42nd guest"), () => page.screen());
  await page.dom.getByRole("button", { name: "Share", exact: true }).click();
  await dialog(page).getByRole("listitem").filter({ hasText: "(you)" }).getByRole("button", { name: "Take the keyboard" }).click();
  await grace.isTold("has the keyboard");
  await page.picture("keyboard-taken");
  await dialog(page).getByRole("listitem").filter({ hasText: "Grace" }).getByRole("button", { name: "Hand over the keyboard" }).click();
  await grace.isTold("you have the keyboard");
  await close(page);
  await page.type("echo from the owner\n");
  await grace.type("echo handed over\n");
  await until("what the guest did", async () => /^handed over$/m.test(await page.screen()), () => page.screen());
  assert.ok(!(await page.screen()).includes("from the owner"));
  await page.dom.getByRole("button", { name: "Share", exact: true }).click();
  await dialog(page).getByRole("button", { name: "Let everyone type" }).click();
  await until("nobody alone at the keyboard", async () => !(await grace.dom.getByText("has the keyboard").count()));
  await grace.leave();
});

see("a link that is revoked puts out who came by it, and says so", {}, async (page) => {
  await page.launch();
  const watch = await link(page, "Watch");
  const grace = await Guest.join(page, watch, "Grace");
  await grace.isTold("Watching");
  await dialog(page).getByRole("button", { name: /^Revoke the link/ }).click();
  await grace.dom.getByRole("heading", { name: /opens nothing/ }).waitFor();
  await grace.dom.reload();
  await grace.dom.getByRole("alert").waitFor();
  assert.equal(await grace.dom.locator(".xterm").count(), 0);
  await grace.leave();
});

see("a link that has expired puts out who came by it", {}, async (page) => {
  await page.launch();
  const [{ id }] = await page.api("/containers");
  const made = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ may: "watch", expires_in_ms: 8000 }) };
  const { secret } = await page.api(`/containers/${id}/processes/0/shares`, made);
  const grace = await Guest.join(page, new URL(`/#join/${secret}`, page.dom.url()).href, "Grace");
  await grace.isTold("Watching");
  await grace.dom.getByRole("heading", { name: /opens nothing/ }).waitFor();
  assert.equal(await grace.dom.locator(".xterm").count(), 0);
  await grace.leave();
});

see("on a phone a guest sees the whole grid, and enlarges a part of it with two fingers", {}, async (page) => {
  await page.launch();
  const watch = await link(page, "Watch");
  await close(page);
  const grace = await Guest.join(page, watch, "Grace", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await grace.isTold("Watching");
  await page.run("seq 1 9");
  await grace.sees("9");
  const hands = new Hands(grace.dom);
  const small = await hands.fontSize();
  const place = grace.dom.locator(".terminal-place");
  const hidden = () => place.evaluate((place) => place.scrollWidth - place.clientWidth);
  assert.ok((await hidden()) <= 0, "all of it is there");
  await grace.dom.screenshot({ path: new URL("../out/phone-guest.png", import.meta.url).pathname });
  await hands.touch(Array.from({ length: 9 }, (_, step) => [[170 - 10 * step, 300], [190 + 10 * step, 300]]));
  await until("larger letters", async () => (await hands.fontSize()) > 1.5 * small);
  await until("more than there is room for", async () => (await hidden()) > 100);
  const at = () => place.evaluate((place) => place.scrollLeft);
  const before = await at();
  await place.evaluate((place) => place.scrollBy(60, 0));
  assert.notEqual(await at(), before, "one moves about in it");
  await grace.dom.screenshot({ path: new URL("../out/phone-guest-part.png", import.meta.url).pathname });
  assert.equal(await grace.dom.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
  await grace.leave();
});
