// The box that finds text in a terminal. Loaded when it is first opened.

import { type ISearchOptions, SearchAddon } from "@xterm/addon-search";
import type { Terminal as Emulator } from "@xterm/xterm";

import { button, make } from "./element";

/// Matches that are counted and marked.
const MOST = 1_000;

export class Find {
  readonly #search = new SearchAddon({ highlightLimit: MOST });
  readonly #emulator: Emulator;
  readonly #box: HTMLElement;
  readonly #input = make("input", { class: "find-input", attributes: { type: "text", placeholder: "Find", "aria-label": "Find in the terminal" } });
  readonly #result = make("span", { class: "find-result", attributes: { role: "status" } });
  readonly #options = { caseSensitive: false, regex: false };

  constructor(emulator: Emulator, host: HTMLElement) {
    this.#emulator = emulator;
    emulator.loadAddon(this.#search);
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) => this.#count(resultIndex, resultCount));
    this.#box = make(
      "div",
      { class: "find", attributes: { role: "search" } },
      this.#input,
      this.#result,
      this.#toggle("Match case", "Aa", "caseSensitive"),
      this.#toggle("Regular expression", ".*", "regex"),
      // Usually what one looks for is above.
      button("Match above", "↑", () => this.#next(true), "icon-button"),
      button("Match below", "↓", () => this.#next(false), "icon-button"),
      button("Close search", "✕", () => this.close(), "icon-button"),
    );
    this.#input.addEventListener("input", () => this.#count(-1, this.#input.value === "" ? 0 : -1));
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    host.append(this.#box);
  }

  open(): void {
    this.#box.hidden = false;
    const selected = this.#emulator.getSelection();
    if (selected !== "" && !selected.includes("\n")) this.#input.value = selected;
    this.#input.focus();
    this.#input.select();
  }

  close(): void {
    this.#box.hidden = true;
    this.#search.clearDecorations();
    this.#count(-1, -1);
    this.#emulator.focus();
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Enter" && event.target === this.#input) this.#next(!event.shiftKey);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #next(backwards: boolean): void {
    const text = this.#input.value;
    if (text === "") return;
    if (this.#options.regex && !isRegex(text)) return this.#say("No such pattern");
    const options = { ...this.#options, decorations: this.#decorations() };
    const found = backwards ? this.#search.findPrevious(text, options) : this.#search.findNext(text, options);
    if (!found) this.#say("No match");
  }

  #count(index: number, count: number): void {
    if (count < 0) return this.#say("");
    if (count === 0) return this.#say(this.#input.value === "" ? "" : "No match");
    this.#say(index < 0 ? `${count >= MOST ? `over ${MOST}` : count} matches` : `${index + 1} of ${count}`);
  }

  #say(text: string): void {
    this.#result.textContent = text;
  }

  #toggle(name: string, text: string, option: "caseSensitive" | "regex"): HTMLElement {
    const toggle = button(name, text, () => {
      this.#options[option] = !this.#options[option];
      toggle.setAttribute("aria-pressed", String(this.#options[option]));
      this.#search.clearDecorations();
    }, "icon-button find-toggle");
    toggle.setAttribute("aria-pressed", "false");
    return toggle;
  }

  #decorations(): ISearchOptions["decorations"] {
    const { yellow, cursor, background } = this.#emulator.options.theme ?? {};
    return {
      matchBackground: mix(yellow ?? "#eab45a", background ?? "#000000"),
      activeMatchBackground: mix(cursor ?? "#5cc9c2", background ?? "#000000"),
      matchOverviewRuler: yellow ?? "#eab45a",
      activeMatchColorOverviewRuler: cursor ?? "#5cc9c2",
    };
  }
}

function isRegex(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/// A third of the first colour in the second: text on it can still be read. Both as `#rrggbb`, or `rgb(…)` as the tokens are computed.
function mix(colour: string, onto: string): string {
  const [a, b] = [channels(colour), channels(onto)];
  return `#${a.map((value, index) => Math.round(value * 0.35 + b[index]! * 0.65).toString(16).padStart(2, "0")).join("")}`;
}

function channels(colour: string): number[] {
  if (colour.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return (colour.match(/[\d.]+/g) ?? ["0", "0", "0"]).slice(0, 3).map(Number);
}
