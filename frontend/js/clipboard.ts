// Copying and pasting, by the visitor and, where the visitor agreed, by the program (OSC 52). Nothing reads the clipboard for a program.

import type { Terminal as Emulator } from "@xterm/xterm";

import type { Ask } from "./links";
import { asOneLine, asTyped, decodeBase64, glimpse, linesToRun } from "./text";

/// Characters that a paste may have: more would be kept in memory several times.
const MOST_PASTED = 64 * 1024 * 1024;
/// Bytes of base64 that a program may put on the clipboard.
const MOST_COPIED = 1024 * 1024;

export class Clipboard {
  readonly #emulator: Emulator;
  readonly #host: HTMLElement;
  readonly #ask: Ask;
  readonly #note: (text: string) => void;
  /// Whether the program may copy: not asked yet, being asked, or what was answered.
  #consent: "unasked" | "asking" | "given" | "refused" = "unasked";

  constructor(emulator: Emulator, host: HTMLElement, ask: Ask, note: (text: string) => void, isOld: () => boolean) {
    this.#emulator = emulator;
    this.#host = host;
    this.#ask = ask;
    this.#note = note;
    emulator.parser.registerOscHandler(52, (data) => {
      if (!isOld()) this.#copyFor(data);
      return true;
    });
    host.addEventListener(
      "paste",
      (event) => {
        if (!(event.target instanceof Element) || !event.target.matches(".xterm-helper-textarea")) return;
        event.preventDefault();
        event.stopPropagation();
        void this.paste(event.clipboardData?.getData("text/plain") ?? "");
      },
      true,
    );
  }

  /// Copies the selection; false when there is none. A line that the terminal broke is one line.
  copy(): boolean {
    return this.#put(this.#emulator.getSelection());
  }

  copyLine(): boolean {
    return this.#put(asOneLine(this.#emulator.getSelection(), this.#emulator.cols));
  }

  /// Types what the clipboard holds; false when the browser does not let a page read it.
  async pasteClipboard(): Promise<boolean> {
    try {
      await this.paste(await navigator.clipboard.readText());
      return true;
    } catch {
      return false;
    }
  }

  /// Types a text, after asking when it would run as several commands.
  async paste(text: string): Promise<void> {
    if (text === "") return;
    if (text.length > MOST_PASTED) return this.#note("This is more than a terminal takes at once (64 MiB). Drop it as a file instead.");
    const bracketed = () => this.#emulator.modes.bracketedPasteMode;
    const lines = linesToRun(text, bracketed());
    if (lines > 1) {
      const answer = await this.#ask({
        title: `Paste ${lines} lines?`,
        text: "The program takes each line as if you had pressed Enter after it, and may run it.",
        detail: glimpse(text),
        answers: ["Paste", "Paste as one line"],
      });
      if (answer === undefined) return this.#emulator.focus();
      if (answer !== "Paste") text = asOneLine(text, Number.POSITIVE_INFINITY);
    }
    this.#emulator.input(asTyped(text, bracketed()), true);
    this.#emulator.focus();
  }

  #put(text: string): boolean {
    if (text === "") return false;
    navigator.clipboard?.writeText(text).catch(() => document.execCommand("copy"));
    return true;
  }

  #copyFor(data: string): void {
    const text = data.length <= MOST_COPIED ? decodeBase64(data.slice(data.indexOf(";") + 1)) : undefined;
    // A question, which is never answered, or nothing that could be copied.
    if (text === undefined || text === "") return;
    if (this.#consent === "given") return this.#write(text);
    // One that cannot be seen is asked about when it can.
    if (this.#consent !== "unasked" || this.#host.clientHeight === 0 || document.hidden) return;
    this.#consent = "asking";
    const question = {
      title: "Let this terminal copy?",
      text: "The program in it wants to put text on your clipboard. If you allow it, it may do so again as long as this terminal is open. It can never read the clipboard.",
      detail: glimpse(text),
      answers: ["Allow"],
      unasked: true,
    };
    void this.#ask(question).then((answer) => {
      this.#consent = answer === "Allow" ? "given" : "refused";
      if (answer === "Allow") this.#write(text);
      this.#emulator.focus();
    });
  }

  #write(text: string): void {
    const failed = () => this.#note("The browser did not let the program copy: click into the terminal and try again.");
    navigator.clipboard?.writeText(text).catch(failed);
  }
}
