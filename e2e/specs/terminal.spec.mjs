// The terminal: what is typed and printed is lost to nobody, and the daily things work.

import assert from "node:assert/strict";
import { png } from "../archive.mjs";
import { visitor } from "../browser.mjs";
import { until } from "../page.mjs";

const see = visitor();

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** The screen's lines, once this one is among them. */
async function line(page, wanted) {
  await until(`the line ${wanted}`, async () => (await page.screen()).split("\n").includes(wanted), () => page.screen());
}

see("after a reload what was printed is there, and questions in it are not answered again", {}, async (page) => {
  await page.launch();
  // A program that asks what the terminal is, and reads the answer.
  await page.run("stty -echo; printf '\\033[c'; read -t 2 -n 13 answer; stty echo; echo ${#answer}");
  await page.run("seq 100 140");
  await page.reload();
  await page.prompt();
  await line(page, "140");
  await page.terminal.click();
  assert.deepEqual(await page.run("echo nothing was typed"), ["nothing was typed"]);
});

see("what is typed while the agent is away is kept, told, and run once", {}, async (page, porthole) => {
  page.expects(/WebSocket|ERR_CONNECTION_REFUSED/);
  await page.launch();
  await page.run("true");
  await porthole.killAgent();
  await page.hands.markSays("Reconnecting…");
  await page.type("echo kept >> /tmp/log; wc -l < /tmp/log\n");
  await page.hands.markSays("What you type is sent then.");
  await page.picture("reconnecting");
  await porthole.startAgain();
  await page.hands.markIsGone();
  await line(page, "1");
  assert.deepEqual(await page.run("cat /tmp/log"), ["kept"]);
});

see("a launch that is cut off by the agent's death happens once", {}, async (page, porthole) => {
  page.expects(/WebSocket|ERR_CONNECTION_REFUSED/);
  await page.launchButton.click();
  await porthole.killAgent();
  await porthole.startAgain();
  await page.connectionIs("Connected");
  await page.terminal.waitFor();
  await page.prompt();
  assert.equal((await page.api("/containers")).length, 1);
  assert.equal(await page.tabs.count(), 1);
});

see("what is typed while the network is away is kept, and the page is back as soon as the network is", {}, async (page) => {
  page.expects(/WebSocket|ERR_INTERNET_DISCONNECTED/);
  await page.launch();
  await page.run("true");
  await page.hands.setOffline(true);
  await page.hands.markSays("Reconnecting…");
  await page.type("echo $((6 * 7)) >> /tmp/log\n");
  await page.hands.setOffline(false);
  await page.hands.markIsGone();
  assert.deepEqual(await page.run("cat /tmp/log"), ["42"]);
});

see("several lines are asked about before they run, and pasted as wished", {}, async (page) => {
  await page.launch();
  await page.hands.paste("echo one\necho two\n");
  await page.dialogSays("Paste 2 lines?");
  await page.picture("paste");
  await page.expectAccessible();
  await page.answer("Cancel");
  assert.ok(!(await page.screen()).includes("echo"));
  await page.hands.paste("echo one\necho two\n");
  await page.answer("Paste as one line");
  await page.press("Enter");
  await line(page, "one echo two");
  await page.hands.paste("echo three\necho four\n");
  await page.answer("Paste");
  await line(page, "four");
});

see("a composed text reaches the program once", {}, async (page) => {
  await page.launch();
  await page.type("cat\n");
  await page.hands.compose(["n", "ni", "nih", "niha", "nihao"], "你好");
  await page.press("Enter");
  await page.hands.compose(["ㅎ", "하", "한"], "한");
  await page.press("Enter");
  await until("the echo", async () => (await page.screen()).split("\n").filter((text) => text === "한").length === 2, () => page.screen());
  const lines = (await page.screen()).split("\n");
  assert.equal(lines.filter((text) => text === "你好").length, 2, "typed once, answered once");
  await page.press("Control+C");
});

see("a program copies only after the visitor has agreed, and reads nothing", {}, async (page) => {
  await page.launch();
  await page.type("printf '\\033]52;c;?\\007\\033]52;c;%s\\007' $(printf 'from inside' | base64)\n");
  await page.dialogSays("Let this terminal copy?");
  await page.answer("Allow");
  await until("the copy", async () => (await page.hands.clipboard()) === "from inside");
  await page.type("printf '\\033]52;c;%s\\007' $(printf again | base64)\n");
  await until("the second copy", async () => (await page.hands.clipboard()) === "again");
});

see("a link whose text is not its address says where it leads, and other kinds lead nowhere", {}, async (page) => {
  await page.launch();
  const link = (uri, text) => `printf '\\033]8;;${uri}\\033\\\\${text}\\033]8;;\\033\\\\\\n'`;
  await page.run(`${link("https://example.org/real", "harmless")}; ${link("javascript:alert(1)", "script")}`);
  await page.hands.clickText("harmless");
  await page.dialogSays("https://example.org/real");
  await page.answer("Cancel");
  await page.hands.clickText("script");
  await page.dialogSays("This link is not opened");
  await page.answer("Cancel");
});

see("images are drawn, the first one too", {}, async (page) => {
  await page.launch();
  await page.run("printf '\\033Pq#0;2;100;0;0#0'; for n in $(seq 20); do printf '!60~-'; done; printf '\\033\\\\\\n'");
  // Twenty rows of sixels, each six pixels high, but for what the prompt covers.
  await until("the image", async () => (await page.hands.imagePixels()) > 60 * 60);
  await page.run("true");
  await until("an empty screen", async () => (await page.hands.imagePixels()) === 0);
  const picture = png(4, 4);
  await page.run(`printf '\\033]1337;File=inline=1;size=${picture.length};width=20;height=4:${picture.toString("base64")}\\007\\n'`);
  await until("iTerm's image", async () => (await page.hands.imagePixels()) > 60 * 60);
  await page.picture("images");
});

see("a bell is seen, heard where that was chosen, and marks the tab of a terminal one does not look at", {}, async (page) => {
  await page.dom.addInitScript(() => {
    globalThis.heard = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
      globalThis.heard += 1;
      return start.apply(this, when);
    };
    globalThis.seen = 0;
    const look = () => (globalThis.seen += document.querySelectorAll(".terminal-host[data-bell]").length);
    new MutationObserver(look).observe(document, { subtree: true, attributeFilter: ["data-bell"] });
  });
  await page.dom.reload();
  await page.launch();
  const count = (what) => page.dom.evaluate((what) => globalThis[what], what);
  await page.run("printf '\\a'");
  await until("a bell", async () => (await count("seen")) > 0);
  assert.equal(await count("heard"), 0);
  await page.hands.openTerminalSettings();
  await page.dom.getByRole("checkbox", { name: "The bell can be heard" }).check();
  await page.hands.closeDialog();
  await page.type("sleep 1; printf '\\a'\n");
  await page.newTerminal();
  await until("a sound", async () => (await count("heard")) === 1);
  await page.dom.locator(".tab[data-state=rang]").first().waitFor();
  await page.picture("bell");
});

see("letters grow and shrink by keys and in the settings, and the grid follows", {}, async (page) => {
  await page.launch();
  const [usual, lines] = [await page.hands.fontSize(), await page.hands.lines()];
  await page.press("Control+=", "Control+=");
  await until("larger letters", async () => (await page.hands.fontSize()) === usual + 2);
  await page.press("Control+-");
  await until("smaller ones", async () => (await page.hands.fontSize()) === usual + 1);
  await page.hands.openTerminalSettings();
  await page.dom.getByRole("slider", { name: "Size of letters" }).fill("22");
  await page.hands.closeDialog();
  await until("the largest", async () => (await page.hands.fontSize()) === 22);
  const fewer = await page.hands.lines();
  assert.ok(fewer < lines);
  await page.terminal.click();
  assert.match((await page.run("stty size"))[0], new RegExp(`^${fewer} `));
  await page.press("Control+0");
  await until("the usual ones", async () => (await page.hands.fontSize()) === usual);
});

see("in full screen there is nothing but the terminal, and the browser lends it its keys", {}, async (page) => {
  await page.dom.addInitScript(() => {
    globalThis.locks = 0;
    navigator.keyboard.lock = async () => void (globalThis.locks += 1);
  });
  await page.dom.reload();
  await page.launch();
  await page.press("Control+Shift+X");
  await until("full screen", async () => page.dom.evaluate(() => document.fullscreenElement?.matches(".terminal") ?? false));
  await until("the keys", async () => (await page.dom.evaluate(() => globalThis.locks)) === 1);
  assert.deepEqual(await page.run("echo large"), ["large"]);
  const fills = await page.dom.locator(".terminal[data-active]").evaluate((it) => [it.clientWidth - innerWidth, it.clientHeight - innerHeight]);
  assert.deepEqual(fills, [0, 0]);
  await page.press("Control+Shift+X");
  await until("the page", async () => page.dom.evaluate(() => document.fullscreenElement === null));
  assert.ok(await page.hasKeyboard());
});

see("one goes from prompt to prompt where the shell marks them", {}, async (page) => {
  await page.launch();
  await page.run("for n in 1 2 3; do printf '\\033]133;A\\007prompt %s\\n' $n; seq 1 60; done");
  const top = async () => (await page.screen()).split("\n")[0];
  for (const wanted of ["prompt 3", "prompt 2", "prompt 1"]) {
    await page.press("Control+Shift+ArrowUp");
    await until(wanted, async () => (await top()) === wanted, top);
  }
  await page.press("Control+Shift+ArrowDown");
  await until("the next one", async () => (await top()) === "prompt 2", top);
});

see("colours are chosen, and stay", {}, async (page) => {
  await page.launch();
  const before = await page.hands.terminalBackground();
  await page.hands.openTerminalSettings();
  await page.expectAccessible();
  await page.hands.chooseTheme("Sand");
  await page.picture("settings");
  await page.hands.closeDialog();
  const after = await page.hands.terminalBackground();
  assert.notEqual(after, before);
  await page.reload();
  await page.prompt();
  assert.equal(await page.hands.terminalBackground(), after);
  await page.picture("sand");
});

see("matches are counted", {}, async (page) => {
  await page.launch();
  await page.run("seq 1 12");
  const result = await page.hands.find("1");
  await result.filter({ hasText: /^\d+ of \d+$/ }).waitFor();
  await page.picture("find");
});

see("a phone has the keys that its own keyboard lacks", { ...PHONE }, async (page) => {
  await page.launch();
  await page.picture("phone-keys");
  await page.type("cat\n");
  await page.hands.tapKey("Ctrl");
  await page.type("c");
  await page.prompt();
  await page.type("echo up");
  await page.press("Enter");
  await line(page, "up");
  await page.hands.tapKey("Up");
  await page.press("Enter");
  await until("the command again", async () => (await page.screen()).split("\n").filter((text) => text === "up").length === 2, () => page.screen());
  assert.equal(await page.overflow(), 0);
  await page.expectAccessible();
});

see("fingers scroll, select, and change the size of letters", { ...PHONE }, async (page) => {
  await page.launch();
  await page.run("seq 1 200");
  const top = async () => Number((await page.screen()).split("\n")[0]);
  const before = await top();
  const swipe = Array.from({ length: 16 }, (_, step) => [[180, 200 + 20 * step]]);
  await page.hands.touch(swipe);
  await until("earlier lines", async () => (await top()) < before - 5, () => page.screen());
  // A finger that rests selects the word below it, and then down to where it goes.
  await page.hands.touch([[[20, 200]], [[60, 260]]], 800);
  await until("lines on the clipboard", async () => /^\d+\n\d+\n/.test(await page.hands.clipboard()));
  const size = await page.hands.fontSize();
  await page.hands.touch(Array.from({ length: 7 }, (_, step) => [[100 - 10 * step, 300], [200 + 10 * step, 300]]));
  await until("larger letters", async () => (await page.hands.fontSize()) > size);
});

see("on a slow line what is typed is shown at once, and nothing of a password", {}, async (page) => {
  await page.hands.slowLine(150);
  await page.launch();
  // Some echoes by which the line is known to be slow.
  for (const letter of "true") {
    await page.type(letter);
    await until(`the echo of ${letter}`, async () => (await page.screen()).trimEnd().endsWith(letter), () => page.screen());
  }
  await until("a guess", async () => {
    await page.type("x");
    return (await page.hands.guess()) !== "";
  });
  await until("the echo instead", async () => (await page.hands.guess()) === "");
  await page.press("Control+C");
  await page.prompt();
  await page.type("read -s secret\n");
  await until("the question", async () => (await page.screen()).trimEnd().endsWith("read -s secret"), () => page.screen());
  for (const letter of "password") {
    await page.type(letter);
    assert.equal(await page.hands.guess(), "");
  }
  await page.press("Enter");
  await page.prompt();
  assert.ok(!(await page.screen()).includes("password"));
});

see("two pages show one terminal in the size of the one that was turned to last", {}, async (page) => {
  await page.launch();
  const before = await page.hands.lines();
  const other = await page.hands.another({ width: 1000, height: 480 });
  await until("the size of the other page", async () => (await page.hands.lines()) < before);
  const theirs = await other.lines();
  assert.equal(await page.hands.lines(), theirs);
  const letters = await other.fontSize();
  await page.hands.clickTerminal();
  await until("the size of this page", async () => (await page.hands.lines()) === before);
  await until("the other one's letters to shrink", async () => (await other.fontSize()) < letters && (await other.lines()) === before);
});

see("a program that asks the terminal gets one answer, however many pages show it", {}, async (page) => {
  await page.launch();
  await page.hands.another({ width: 1000, height: 480 });
  await page.hands.clickTerminal();
  // Whatever comes within a second of the last byte that came.
  const answers = "stty raw -echo min 0 time 10; printf '\\033[c'; n=$(dd bs=1 count=99 2>/dev/null | wc -c); stty sane; echo $n";
  assert.deepEqual(await page.run(answers), [String("\u001b[?62;4;9;22c".length)]);
});
