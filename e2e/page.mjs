// The page in the words of the specs. Everything that depends on its markup is here.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Hands } from "./hands.mjs";

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
  /** What hands do with a terminal. */
  hands;

  constructor(page, porthole, axe) {
    this.#page = page;
    this.#porthole = porthole;
    this.#axe = axe;
    this.hands = new Hands(page);
    page.setDefaultTimeout(PATIENCE);
    page.on("console", (message) => this.console.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => this.console.push(`error: ${error}`));
  }

  /** Opens the page: the owner's, by the link with the token where there is one, or a visitor's. */
  async open(asVisitor = false) {
    const { origin } = new URL(this.#porthole.url);
    await this.#page.goto(asVisitor ? origin : this.#porthole.url);
    await this.launchButton.waitFor();
  }

  async reload() {
    await this.#page.reload();
    await this.terminal.waitFor();
  }

  /** Opens the page of all images. */
  async openImages() {
    const link = this.#page.getByRole("link", { name: "Images", exact: true }).first();
    if (await link.isVisible()) await link.click();
    else await this.#view("Images");
    await this.images.getByRole("heading", { name: "Images" }).waitFor();
  }

  /** In the list of images or, on a phone, in the welcome that is shown while there is no terminal. */
  get launchButton() {
    return this.#page.getByRole("button", { name: "Launch busybox" }).first();
  }

  /** Launches an image and waits for the shell's prompt. */
  async launch(image = "busybox") {
    await this.#page.getByRole("button", { name: `Launch ${image}` }).first().click();
    await this.terminal.waitFor();
    await this.prompt();
  }

  /** The terminal that has the keyboard. */
  get terminal() {
    return this.#page.locator(".terminal[data-active] .xterm:visible");
  }

  /** The page as the browser knows it, for what only one spec needs. */
  get dom() {
    return this.#page;
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
  async terminalSays(words, { timeout = PATIENCE } = {}) {
    await this.#page.getByRole("status", { name: "Terminal" }).filter({ hasText: words }).waitFor({ timeout });
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

  /** Shows the layer view. */
  async openLayers() {
    if (!(await this.#inspector.isVisible())) await this.#view("Kernel");
    await this.#inspector.getByRole("button", { name: "Layers", exact: true }).click();
    await this.files.getByRole("treeitem").first().waitFor();
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

  /** The page of images, or of one. */
  get images() {
    return this.#page.getByRole("region", { name: "Images" });
  }

  /** Names of the images in the list. */
  async imageNames() {
    return this.images.getByRole("list", { name: "Images" }).getByRole("link").allTextContents();
  }

  async openImage(name) {
    await this.images.getByRole("link", { name, exact: true }).click();
    await this.images.getByRole("heading", { name, exact: true }).waitFor();
  }

  get history() {
    return this.images.locator("details").filter({ has: this.#page.getByRole("heading", { name: "History" }) }).getByRole("list");
  }

  get configuration() {
    return this.images.locator("details").filter({ has: this.#page.getByRole("heading", { name: "Configuration" }) });
  }

  async launchShownImage(name) {
    await this.images.getByRole("button", { name: `Launch ${name}` }).click();
    await this.terminal.waitFor();
    await this.prompt();
  }

  get #dialog() {
    return this.#page.getByRole("dialog");
  }

  async answer(name) {
    await this.#dialog.getByRole("button", { name, exact: true }).click();
    await this.#dialog.waitFor({ state: "detached" });
  }

  async dialogSays(words) {
    await this.#dialog.filter({ hasText: words }).waitFor();
  }

  async addArchive(name, buffer, { asRoot = false } = {}) {
    await this.images.locator("input[type=file]").setInputFiles({ name, mimeType: "application/x-tar", buffer });
    if (asRoot) await this.#dialog.getByRole("radio", { name: "A root file system." }).check();
    await this.#dialog.getByRole("button", { name: "Add", exact: true }).click();
  }

  async deleteImage(name, { evenIf } = {}) {
    await this.images.getByRole("button", { name: `Delete ${name}` }).click();
    if (evenIf) await this.#dialog.getByRole("checkbox", { name: evenIf }).check();
    await this.#dialog.getByRole("button", { name: "Delete", exact: true }).click();
  }

  async tagImage(name, further) {
    await this.images.getByRole("button", { name: `Tag ${name}` }).click();
    await this.#dialog.getByRole("textbox", { name: "Name" }).fill(further);
    await this.#dialog.getByRole("button", { name: "Tag", exact: true }).click();
  }

  async pull(name) {
    await this.images.getByRole("textbox", { name: "Pull an image" }).fill(name);
    await this.images.getByRole("button", { name: "Pull", exact: true }).click();
  }

  /** Gives a pull up, and waits until nothing is on its way. */
  async cancelPull(name) {
    await this.images.getByRole("button", { name: `Cancel ${name}` }).click();
    await until("the pull to go", async () => (await this.images.getByRole("article").count()) === 0);
  }

  /** What the messages at the edge of the page say. */
  async messages() {
    return this.#page.getByRole("region", { name: "Messages" }).getByRole("paragraph").allTextContents();
  }

  async pullFails(name) {
    await this.images.getByRole("article", { name: `Failed: ${name}` }).getByRole("alert").waitFor();
  }

  async launchByName(name) {
    await this.#page.getByRole("textbox", { name: "Another image" }).fill(name);
    await this.#page.getByRole("button", { name: "Launch", exact: true }).click();
  }

  async acceptPull(name) {
    await this.#page.getByRole("button", { name: `Pull ${name} and launch it` }).click();
  }

  get #form() {
    return this.#dialog.or(this.#page.locator(".welcome"));
  }

  /** Opens the form of a launch in a dialog, for when there is a terminal already. */
  async openLaunchForm() {
    await this.#page.getByRole("button", { name: "Launch a container" }).click();
    await this.#dialog.waitFor();
  }

  /** Fills the form of a launch, its options unfolded where there are any. */
  async fillLaunch({ image = "busybox", network, lab, engine, sudo = false, ...limits }) {
    await this.#form.getByRole("textbox", { name: "Another image" }).fill(image);
    await this.#form.getByText("Limits, network, engine").click();
    for (const [name, value] of Object.entries(limits)) await this.#form.getByRole("textbox", { name }).fill(value);
    if (network) await this.#form.getByRole("radio", { name: network }).check();
    if (lab) await this.#form.getByRole("textbox", { name: "The lab's name" }).fill(lab);
    if (engine) await this.#form.getByRole("radio", { name: engine }).check();
    if (sudo) await this.#form.getByRole("checkbox", { name: "Let sudo work" }).check();
  }

  /** What the form says that one would type instead. */
  async launchCommand() {
    return this.#form.locator("code").filter({ hasText: /^porthole run/ }).textContent();
  }

  async submitLaunch() {
    await this.#form.getByRole("button", { name: "Launch", exact: true }).click();
  }

  async formSays(words) {
    await this.#form.getByRole("alert").filter({ hasText: words }).waitFor();
  }

  /** What the kernel panel says of a limit. */
  async limit(name) {
    const row = this.kernel.getByRole("listitem").filter({ has: this.#page.getByText(name, { exact: true }) });
    return (await row.first().textContent()).replaceAll(/\s+/g, " ");
  }

  async changeLimits(limits) {
    await this.kernel.getByRole("button", { name: "Change limits" }).click();
    for (const [name, value] of Object.entries(limits)) await this.#dialog.getByRole("textbox", { name }).fill(value);
    await this.#dialog.getByRole("button", { name: "Change", exact: true }).click();
  }

  /** Seconds that the shown container still lives, by its clock. */
  async timeLeft() {
    const words = await this.#page.getByRole("timer", { name: "Time left" }).textContent();
    return words.match(/[\d:]+/)[0].split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  }

  async extend() {
    await this.#page.getByRole("button", { name: "Extend" }).click();
  }

  /** Waits until the place of the terminal says where in the queue its launch is. */
  async queueSays(words) {
    await this.#page.getByRole("status", { name: "Queue" }).filter({ hasText: words }).waitFor();
  }

  async doNotWait() {
    await this.#page.getByRole("button", { name: "Do not wait" }).click();
  }

  /** Opens what a port serves, in a page of its own; its text once it is there. */
  async openPort(port) {
    const coming = this.#page.context().waitForEvent("page");
    await this.#page.getByRole("button", { name: `Open port ${port}`, exact: true }).click();
    const preview = await coming;
    await preview.waitForLoadState();
    const seen = { url: preview.url(), text: await preview.textContent("body") };
    await preview.screenshot({ path: `${OUT}preview.png` });
    await preview.close();
    return seen;
  }

  async closePort(port) {
    await this.#page.getByRole("button", { name: `Close the preview of port ${port}` }).click();
    await this.#page.getByRole("button", { name: `Open port ${port}`, exact: true }).waitFor();
  }

  /** The changes of the writable layer, as `porthole diff` prints them. */
  async changes() {
    const lines = await this.#inspector.getByRole("list", { name: "Changes" }).getByRole("listitem").allTextContents();
    return lines.map((line) => line.replace(/ (added|changed|deleted) /, " "));
  }

  get files() {
    return this.#page.getByRole("tree", { name: "Files" });
  }

  #file(path) {
    return this.files.locator(`[id="file:${path}"]`);
  }

  /** What a screen reader says of an entry of the tree. */
  async fileWords(path) {
    const parts = await this.#file(path).locator(".file-name, .visually-hidden").allTextContents();
    return parts.join("").replaceAll(/\s+/g, " ").trim();
  }

  /** The paths shown in the tree. */
  async filesShown() {
    const ids = await this.files.getByRole("treeitem").evaluateAll((items) => items.map((item) => item.id));
    return ids.map((id) => id.replace(/^file:/, ""));
  }

  async openDirectory(path) {
    if ((await this.#file(path).getAttribute("aria-expanded")) === "false") await this.#file(path).click();
  }

  async selectFile(path) {
    await this.#file(path).click();
  }

  preview(path) {
    return this.#page.getByRole("article", { name: `Preview of ${path}` });
  }

  async download(path) {
    const coming = this.#page.waitForEvent("download");
    await this.preview(path).getByRole("button", { name: `Download ${path}` }).click();
    const download = await coming;
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
  }

  /** Looks at the tree from the layer with this instruction. */
  async lookFrom(instruction) {
    await this.#page.getByRole("list", { name: "Layers, topmost first" }).getByRole("button", { name: instruction }).click();
  }

  async showOnlyChanges() {
    await this.#page.getByRole("button", { name: "What this layer did" }).click();
  }

  async focusTree() {
    await this.files.getByRole("treeitem").first().focus();
  }

  async press(...keys) {
    for (const key of keys) await this.#page.keyboard.press(key);
  }

  /** The parts of the page that this key leads to, one after the other. */
  async regionsByKey(key, times) {
    const regions = [];
    for (let n = 0; n < times; n += 1) {
      await this.press(key);
      regions.push(await this.#page.evaluate(() => document.activeElement?.closest("[data-region]")?.dataset.region));
    }
    return regions;
  }

  async saveAsImage(name) {
    await this.#inspector.getByRole("button", { name: "Save as image" }).click();
    await this.#dialog.getByRole("textbox", { name: "Name" }).fill(name);
    await this.#dialog.getByRole("button", { name: "Save", exact: true }).click();
  }

  /** Drops files on the terminal, or elsewhere, as a file manager does. */
  async drop(files, { on = this.terminal, opens = this.#dialog } = {}) {
    const data = await this.#page.evaluateHandle((files) => {
      const data = new DataTransfer();
      for (const [name, text] of Object.entries(files)) data.items.add(new File([text], name));
      return data;
    }, files);
    for (const event of ["dragenter", "dragover", "drop"]) await on.dispatchEvent(event, { dataTransfer: data });
    await opens.waitFor();
  }

  get #putField() {
    return this.#dialog.getByRole("textbox", { name: "Directory in the container" });
  }

  /** The directory that is proposed for dropped files. */
  async putDirectory() {
    await until("a proposal", async () => (await this.#putField.inputValue()) !== "");
    return this.#putField.inputValue();
  }

  async setPutDirectory(path) {
    await this.putDirectory();
    await this.#putField.fill(path);
  }

  async putIn() {
    await this.#dialog.getByRole("button", { name: "Put in" }).click();
  }

  async title() {
    return this.#page.title();
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
  async api(path, options = {}) {
    const token = new URL(this.#porthole.url).hash.match(/^#token=(.+)/)?.[1];
    const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...options.headers };
    const answer = await fetch(new URL(`/api/v1${path}`, this.#porthole.url), { ...options, headers });
    return answer.status === 204 ? null : answer.json();
  }

  /** Sends bytes to the agent over HTTP. */
  async send(path, body) {
    return this.api(path, { method: "POST", body });
  }

  async forgetNamelessImages() {
    for (const { id, names } of await this.api("/images")) {
      if (names.length === 0) await this.api(`/images?name=${id}`, { method: "DELETE" });
    }
  }

  async removeContainers() {
    for (const { id } of await this.api("/containers")) {
      await this.api(`/containers/${id}?force=true`, { method: "DELETE" });
    }
  }
}

/** Asks again and again until it is so. */
export async function until(what, isSo, describe = async () => "", patience = PATIENCE) {
  const deadline = Date.now() + patience;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited ${patience} ms for ${what}\n${await describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
