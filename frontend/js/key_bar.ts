// Keys that a touch screen lacks, below the terminal.

import { button, make } from "./element";
import { type Held, type Key, keyBytes, withHeld } from "./keys";

type Target = { type: (text: string) => void; paste: () => void; application: () => boolean; focus: () => void };

const KEYS: [Key, string, string][] = [
  ["escape", "Esc", "Esc"],
  ["tab", "Tab", "Tab"],
  ["left", "Left", "←"],
  ["down", "Down", "↓"],
  ["up", "Up", "↑"],
  ["right", "Right", "→"],
];
const MORE: [Key, string, string][] = [
  ["home", "Home", "Home"],
  ["end", "End", "End"],
  ["page-up", "PgUp", "PgUp"],
  ["page-down", "PgDn", "PgDn"],
];

export class KeyBar {
  readonly #held: Held = { ctrl: false, alt: false };
  readonly #sticky: Record<keyof Held, HTMLButtonElement>;
  readonly element: HTMLElement;

  constructor(target: Target) {
    const key = ([key, name, text]: [Key, string, string]) =>
      button(name, text, () => {
        target.type(keyBytes(key, this.#held, target.application()));
        this.#release();
      }, "key-button");
    this.#sticky = { ctrl: this.#hold("ctrl", "Ctrl", "Ctrl"), alt: this.#hold("alt", "Alt", "Alt") };
    const [escape, tab, ...arrows] = KEYS.map(key);
    this.element = make(
      "div",
      { class: "key-bar", attributes: { role: "toolbar", "aria-label": "Keys" } },
      escape!,
      this.#sticky.ctrl,
      this.#sticky.alt,
      tab!,
      ...arrows,
      button("Paste from the clipboard", "Paste", target.paste, "key-button"),
      ...MORE.map(key),
    );
    // The focus, and with it the screen's keyboard, stays where it is.
    this.element.addEventListener("pointerdown", (event) => event.preventDefault());
    this.element.addEventListener("click", () => target.focus());
  }

  /// What was typed, with what is held; it is held for one key.
  take(text: string): string {
    if (!this.#held.ctrl && !this.#held.alt) return text;
    const taken = withHeld(text, this.#held);
    this.#release();
    return taken;
  }

  #hold(which: keyof Held, name: string, text: string): HTMLButtonElement {
    const toggle = button(name, text, () => this.#set(which, !this.#held[which]), "key-button");
    toggle.setAttribute("aria-pressed", "false");
    return toggle;
  }

  #set(which: keyof Held, on: boolean): void {
    this.#held[which] = on;
    this.#sticky[which].setAttribute("aria-pressed", String(on));
  }

  #release(): void {
    this.#set("ctrl", false);
    this.#set("alt", false);
  }
}
