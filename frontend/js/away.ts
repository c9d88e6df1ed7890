// Says at the terminal's edge that there is no connection, and what becomes of what is typed. The screen stays as it is.

import { make } from "./element";

export class Away {
  readonly #mark = make("p", { class: "terminal-mark", attributes: { role: "status" } });

  constructor(host: HTMLElement) {
    this.#mark.hidden = true;
    host.append(this.#mark);
  }

  show(typed: number, dropped: boolean): void {
    this.#mark.hidden = false;
    const words = awayWords(typed, dropped);
    // Told once by a screen reader, not with every key.
    if (this.#mark.textContent !== words) this.#mark.textContent = words;
    this.#mark.dataset.full = String(dropped);
  }

  hide(): void {
    this.#mark.hidden = true;
  }
}

export function awayWords(typed: number, dropped: boolean): string {
  if (dropped) return "Reconnecting… More than this is not kept: the last keys were dropped.";
  return typed > 0 ? "Reconnecting… What you type is sent then." : "Reconnecting…";
}
