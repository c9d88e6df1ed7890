// What hands do with a terminal beyond typing: pasting, composing, tapping, clicking, choosing; and what eyes see of it.

export class Hands {
  #page;

  constructor(page) {
    this.#page = page;
  }

  /** Puts text on the clipboard and pastes it into the terminal as a person does. */
  async paste(text) {
    await this.#page.evaluate((text) => navigator.clipboard.writeText(text), text);
    await this.#page.keyboard.press("Control+Shift+V");
  }

  async clipboard() {
    return this.#page.evaluate(() => navigator.clipboard.readText());
  }

  /** Waits until the mark at the terminal's edge says so; hidden when it says nothing. */
  async markSays(words) {
    await this.#page.locator(".terminal-mark:visible").filter({ hasText: words }).waitFor();
  }

  /** Takes the network away, or brings it back. */
  async setOffline(offline) {
    await this.#page.context().setOffline(offline);
  }

  /** Loads the page anew over a line that `cut` cuts, at both ends, until `mend` mends it. */
  async ownLine() {
    let [isCut, ends] = [false, []];
    await this.#page.routeWebSocket(/socket/, (page) => {
      if (isCut) return page.close();
      ends.push(page, page.connectToServer());
    });
    await this.#page.reload();
    const cut = async () => {
      isCut = true;
      await Promise.all(ends.splice(0).map((end) => end.close()));
    };
    return { cut, mend: () => (isCut = false) };
  }

  /** Shows the first container's terminal in a further page of this size; answers with the hands there. */
  async another(viewport) {
    const page = await this.#page.context().newPage();
    await page.setViewportSize(viewport);
    await page.goto(this.#page.url());
    await page.getByTitle(/^Open /).first().click();
    await page.locator(".xterm-rows:visible").waitFor();
    return new Hands(page);
  }

  /** Lines of the terminal's screen. */
  async lines() {
    return this.#page.locator(".xterm-rows:visible > div").count();
  }

  async clickTerminal() {
    await this.#page.locator(".xterm:visible").click();
  }

  /** Loads the page anew over a line on which everything takes so long each way, in milliseconds. */
  async slowLine(delay) {
    const later = (act) => (message) => setTimeout(() => act(message), delay);
    await this.#page.routeWebSocket(/socket/, (page) => {
      const agent = page.connectToServer();
      page.onMessage(later((message) => agent.send(message)));
      agent.onMessage(later((message) => page.send(message)));
    });
    await this.#page.reload();
  }

  /** What is drawn of an echo that has not come; nothing when there is no such thing. */
  async guess() {
    // Looked for and read at once: it goes when its echo comes.
    const drawn = await this.#page.locator(".terminal-guess:visible").allTextContents();
    return drawn.join("").replaceAll("\u00a0", " ").trim();
  }

  /** Pixels that images in the terminal cover. */
  async imagePixels() {
    return this.#page.evaluate(() => {
      const layer = document.querySelector(".xterm-image-layer");
      const data = layer?.getContext("2d").getImageData(0, 0, layer.width, layer.height).data ?? [];
      return data.filter((_, index) => index % 4 === 3).filter((alpha) => alpha > 0).length;
    });
  }

  /** Clicks on a text of the terminal's screen. */
  async clickText(text) {
    const row = this.#page.locator(".xterm:visible").locator(".xterm-rows > div").filter({ hasText: new RegExp(`^${text}`) }).last();
    const { x, y, height } = await row.boundingBox();
    await this.#page.mouse.move(x + 12, y + height / 2);
    await this.#page.mouse.click(x + 14, y + height / 2);
  }

  async markIsGone() {
    await this.#page.locator(".terminal-mark:visible").waitFor({ state: "hidden" });
  }

  /** Taps a key of the bar that touch screens have. */
  async tapKey(name) {
    await this.#page.getByRole("toolbar", { name: "Keys" }).getByRole("button", { name, exact: true }).tap();
  }

  /** Composes a text as an input method does: letters that are replaced, then the result. */
  async compose(steps, result) {
    const cdp = await this.#page.context().newCDPSession(this.#page);
    for (const text of steps) await cdp.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
    await cdp.send("Input.insertText", { text: result });
    await cdp.detach();
  }

  /** Moves fingers over the glass: each step says where they are; the first one rests for so long, in milliseconds. */
  async touch(steps, rests = 0) {
    const cdp = await this.#page.context().newCDPSession(this.#page);
    const send = (type, fingers) =>
      cdp.send("Input.dispatchTouchEvent", { type, touchPoints: fingers.map(([x, y], id) => ({ x, y, id })) });
    const [first, ...others] = steps;
    await send("touchStart", first);
    await this.#page.waitForTimeout(rests);
    for (const fingers of others) await send("touchMove", fingers);
    await send("touchEnd", []);
    await cdp.detach();
  }

  /** How many pixels high the terminal's letters are. */
  async fontSize() {
    return this.#page.locator(".xterm-rows:visible").evaluate((rows) => Number.parseFloat(getComputedStyle(rows).fontSize));
  }

  async openTerminalSettings() {
    await this.#page.getByRole("button", { name: "Terminal settings" }).click();
    await this.#page.getByRole("dialog").waitFor();
  }

  async chooseTheme(name) {
    await this.#page.getByRole("dialog").getByRole("radio", { name, exact: true }).check();
  }

  async closeDialog() {
    await this.#page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await this.#page.getByRole("dialog").waitFor({ state: "detached" });
  }

  /** The colour behind the terminal's letters. */
  async terminalBackground() {
    return this.#page.locator(".terminals").evaluate((element) => getComputedStyle(element).backgroundColor);
  }

  /** Opens the box that finds text and looks for one; what the box says then. */
  async find(text) {
    await this.#page.getByRole("button", { name: "Find", exact: true }).click();
    const box = this.#page.getByRole("search");
    await box.getByRole("textbox").fill(text);
    await this.#page.keyboard.press("Enter");
    return box.getByRole("status");
  }
}
