// Somebody else, who came by a link: a browser of their own, without the owner's cookies and token.

import { servePage } from "./browser.mjs";
import { until } from "./page.mjs";

export class Guest {
  #dom;

  constructor(dom) {
    this.#dom = dom;
  }

  /** Opens a link as somebody of this name. */
  static async join(page, link, name, options = {}) {
    const visit = await page.dom.context().browser().newContext({ viewport: { width: 1000, height: 700 }, ...options });
    await servePage(visit);
    const guest = new Guest(await visit.newPage());
    await guest.#dom.goto(link);
    await guest.#dom.getByRole("textbox", { name: "Your name, for those who are there" }).fill(name);
    await guest.#dom.getByRole("button", { name: "Join" }).click();
    return guest;
  }

  get dom() {
    return this.#dom;
  }

  async screen() {
    const rows = await this.#dom.locator(".xterm-rows > div").allTextContents();
    return rows.map((row) => row.replaceAll("\u00a0", " ").trimEnd()).join("\n");
  }

  /** Waits until the screen says so. */
  async sees(words) {
    await until(`${words} on the guest's screen`, async () => (await this.screen()).includes(words), () => this.screen());
  }

  /** Waits until the line above the terminal says so. */
  async isTold(words) {
    await this.#dom.getByRole("status", { name: "Terminal shared" }).filter({ hasText: words }).waitFor();
  }

  async type(text) {
    await this.#dom.locator(".xterm").click();
    await this.#dom.keyboard.type(text);
  }

  async leave() {
    await this.#dom.context().close();
  }
}
