// The page in the words of the specs. Everything that depends on its markup is here.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const OUT = new URL("out/", import.meta.url).pathname;

/** How long a person would wait for something to appear, in milliseconds. */
const PATIENCE = 15_000;

export class Page {
  /** What the browser's console said. */
  console = [];
  #page;
  #porthole;
  #axe;
  #expected = [];

  constructor(page, porthole, axe) {
    this.#page = page;
    this.#porthole = porthole;
    this.#axe = axe;
    page.setDefaultTimeout(PATIENCE);
    page.on("console", (message) => this.console.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => this.console.push(`error: ${error}`));
  }

  async open() {
    await this.#page.goto(this.#porthole.url);
    await this.launchButton.waitFor();
  }

  async reload() {
    await this.#page.reload();
    await this.terminal.waitFor();
  }

  /** In the list of images or, on a phone, in the welcome that is shown while there is no terminal. */
  get launchButton() {
    return this.#page.getByRole("button", { name: "Launch busybox" }).first();
  }

  /** Launches busybox and waits for the shell's prompt. */
  async launch() {
    await this.launchButton.click();
    await this.terminal.waitFor();
    await this.prompt();
  }

  /** The terminal that is shown. */
  get terminal() {
    return this.#page.locator(".xterm:visible");
  }

  get tabs() {
    return this.#page.getByRole("tablist", { name: "Terminals" }).getByRole("tab");
  }

  async newTerminal() {
    const before = await this.tabs.count();
    await this.#page.getByRole("button", { name: "New terminal" }).click();
    await until("one more tab", async () => (await this.tabs.count()) === before + 1);
    await this.prompt();
  }

  /** The text on the screen, lines without trailing blanks. */
  async screen() {
    const rows = await this.terminal.locator(".xterm-rows > div").allTextContents();
    return rows.map((row) => row.replaceAll("\u00a0", " ").trimEnd()).join("\n").trimEnd();
  }

  /** Waits until the last line is a prompt. */
  async prompt() {
    await until("a prompt", async () => / # ?$/.test(await this.screen()), () => this.screen());
  }

  async type(text) {
    await this.#page.keyboard.type(text);
  }

  /** Types a command and returns the lines that it prints. The keyboard must already be in the terminal. */
  async run(command) {
    const mark = `done-${Math.random().toString(36).slice(2, 8)}`;
    await this.type(`clear; ${command}; echo ${mark.slice(0, 5)}''${mark.slice(5)}\n`);
    await until(`the end of ${command}`, async () => (await this.screen()).split("\n").includes(mark), () => this.screen());
    const lines = (await this.screen()).split("\n");
    const end = lines.indexOf(mark);
    return lines.slice(0, end).filter((line) => !line.includes(" # clear; "));
  }

  /** Whether the keyboard goes to the terminal. */
  async hasKeyboard() {
    return this.#page.evaluate(() => document.activeElement?.classList.contains("xterm-helper-textarea") ?? false);
  }

  /** Waits until the line below the terminal says so. */
  async terminalSays(words) {
    await this.#page.getByRole("status", { name: "Terminal" }).filter({ hasText: words }).waitFor();
  }

  /** Waits until a message at the edge of the page says so. */
  async says(words) {
    await this.#page.getByRole("region", { name: "Messages" }).filter({ hasText: words }).waitFor();
  }

  /** Waits until the connection is called so. */
  async connectionIs(word) {
    await this.#page.getByRole("status", { name: "Connection" }).filter({ hasText: new RegExp(`^${word}$`) }).waitFor();
  }

  get #inspector() {
    return this.#page.getByRole("region", { name: "Kernel panel" });
  }

  /** The kernel panel. */
  get kernel() {
    return this.#inspector.getByRole("region", { name: "Kernel view" });
  }

  /** The birth timeline. */
  get timeline() {
    return this.#inspector.getByRole("region", { name: "Birth timeline" });
  }

  /** Shows the kernel panel and waits for its first values; on a narrow window it takes the terminal's place. */
  async openKernel() {
    if (!(await this.#inspector.isVisible())) await this.#view("Kernel");
    await this.kernel.getByRole("table").first().waitFor();
  }

  async openTimeline() {
    await this.#inspector.getByRole("button", { name: "Birth", exact: true }).click();
    await this.timeline.getByRole("listitem").first().waitFor();
  }

  async #view(name) {
    const views = this.#page.getByRole("navigation", { name: "Parts of the workspace" });
    await views.getByRole("button", { name }).click();
  }

  /** The values of host and container in the row with this command. */
  async kernelRow(command) {
    const row = this.kernel.getByRole("row").filter({ has: this.#command(command) });
    const [host, container] = await row.getByRole("cell").allTextContents();
    return { host: host.trim(), container: container.replace(/(own|shared)$/, "").trim() };
  }

  async clickCommand(command) {
    await this.kernel.locator(this.#command(command)).click();
  }

  #command(command) {
    return this.#page.getByRole("button", { name: `Type ${command} into the terminal`, exact: true });
  }

  /** Gives the window another size. */
  async resize(width, height) {
    await this.#page.setViewportSize({ width, height });
  }

  /** Pixels by which the page is wider than its window. */
  async overflow() {
    return this.#page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }

  async picture(name) {
    await this.#page.screenshot({ path: `${OUT}${name}.png`, animations: "disabled" });
  }

  /** Runs axe over the whole page; xterm.js's own markup apart. */
  async expectAccessible() {
    // Evaluated, not added as a script: the page's content security policy forbids that, and rightly.
    await this.#page.evaluate(await readFile(this.#axe, "utf8"));
    const { violations } = await this.#page.evaluate(() =>
      globalThis.axe.run({ exclude: [[".xterm"]] }, { resultTypes: ["violations"] }),
    );
    const found = violations.map((one) => `${one.id}: ${one.help}\n    ${one.nodes.map((node) => node.html).join("\n    ")}`);
    assert.deepEqual(found, []);
  }

  /** The console may say this: the spec provokes it. */
  expects(words) {
    this.#expected.push(words);
  }

  expectNoErrors() {
    const wanted = (line) => this.#expected.some((words) => words.test(line));
    assert.deepEqual(this.console.filter((line) => line.startsWith("error") && !wanted(line)), []);
  }

  /** What the agent says, over HTTP. */
  async api(path, options) {
    const answer = await fetch(new URL(`/api/v1${path}`, this.#porthole.url), options);
    return answer.status === 204 ? null : answer.json();
  }

  async removeContainers() {
    for (const { id } of await this.api("/containers")) {
      await this.api(`/containers/${id}?force=true`, { method: "DELETE" });
    }
  }
}

/** Asks again and again until it is so. */
export async function until(what, isSo, describe = async () => "") {
  const deadline = Date.now() + PATIENCE;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE} ms for ${what}\n${await describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
