// Programs that print without end, or very much: the page stays the person's, and Ctrl-C is acted upon.
//
// PORTHOLE_FLOOD_MIB is how much is printed in one go; a run of all specs is content with less than a gibibyte.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

const MIB = Number(process.env.PORTHOLE_FLOOD_MIB ?? 64);

const first = (page) => page.tabs.first();
const second = (page) => page.tabs.nth(1);

/** Two terminals; what is typed next goes into the second one. */
async function two(page) {
  await page.launch();
  await page.run("echo the quiet one");
  await page.newTerminal();
}

/** While something is printed: another terminal, the list of commands, and the way back. */
async function useThePage(page) {
  await first(page).click();
  assert.deepEqual(await page.run("echo works"), ["works"]);
  await page.press("Control+Shift+P");
  await page.dom.getByRole("combobox", { name: "Command" }).fill("keyboard");
  await page.press("Enter");
  await page.dom.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.press("Escape");
  await second(page).click();
  await page.terminal.click();
}

async function interrupt(page) {
  await page.press("Control+C");
  // Whatever the terminal was told to be, it is one again.
  await page.type("\nprintf '\\033c'; echo over and over | sed s/and/and_/\n");
  await until("the shell", async () => (await page.screen()).includes("over and_ over"), () => page.screen());
}

for (const flood of ["cat /dev/urandom", "yes", "while :; do printf '\\033]0;%s\\007\\007' $n; n=$((n+1)); done"]) {
  see(`${flood.slice(0, 16)} prints without end, the page goes on, and Ctrl-C ends it`, {}, async (page) => {
    await two(page);
    await page.type(`${flood}\n`);
    await page.dom.waitForTimeout(2_000);
    await useThePage(page);
    await page.picture(`flood-${flood.replaceAll(/\W+/g, "-").slice(0, 16)}`);
    await interrupt(page);
  });
}

see(`${MIB} MiB are printed to the end, and the page goes on meanwhile`, { timeout: 60_000 + MIB * 1_000 }, async (page) => {
  await two(page);
  await page.type(`yes 'a line of a file that is rather long' | head -c ${MIB}m; echo; echo the end | sed s/the/the_/\n`);
  await useThePage(page);
  await until("the end", async () => (await page.screen()).includes("the_ end"), () => page.screen(), MIB * 1_000);
  assert.deepEqual(await page.run("echo goes on"), ["goes on"]);
});

see("ten megabytes are pasted into a program that takes pastes as a whole, every byte once", { timeout: 120_000 }, async (page) => {
  await page.launch();
  const text = Array.from({ length: 10 * 1024 * 16 }, (_, n) => String(n).padStart(63, "abcdefghij")).join("\n").concat("\n");
  const typed = `\u001b[200~${text.replaceAll("\n", "\r")}\u001b[201~`;
  const sum = createHash("sha256").update(typed).digest("hex");
  await page.type(`stty raw -echo; printf '\\033[?2004hrea%s\\n' dy; head -c ${typed.length} | sha256sum; stty sane; printf '\\033[?2004l'\n`);
  await until("the program", async () => (await page.screen()).includes("ready"), () => page.screen());
  await page.hands.paste(text);
  await until("every byte", async () => (await page.screen()).replaceAll(/\s/g, "").includes(sum), () => page.screen(), 60_000);
  assert.deepEqual(await page.run("echo goes on"), ["goes on"]);
});
