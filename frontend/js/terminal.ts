// xterm.js, its add-ons and the browser parts around it (fonts, resizing, clipboard),
// behind one small class. `frontend/src/interop/terminal.rs` declares the same class and is its only caller.

import { ClipboardAddon } from "@xterm/addon-clipboard";
import { FitAddon } from "@xterm/addon-fit";
import type { SearchAddon } from "@xterm/addon-search";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal as Emulator } from "@xterm/xterm";

import { hasHardwareGl } from "./gl";
import { fontFamily, onThemeChange, theme } from "./theme";

/// Lines kept above the screen. The agent's log goes back further; this is what one scrolls through.
const SCROLLBACK_LINES = 10_000;
/// A font that takes longer than this is not waited for: the terminal measures again when it arrives.
const FONT_WAIT_MS = 400;
/// Pixels. On a phone more columns are worth more than larger letters.
const FONT_SIZE = matchMedia("(width < 30rem)").matches ? 11.5 : 13.5;

type Handlers = {
  input: (bytes: Uint8Array) => void;
  resize: (cols: number, rows: number) => void;
  rendered: (bytes: number) => void;
  ready: (cols: number, rows: number) => void;
};

export class Terminal {
  readonly #emulator: Emulator;
  readonly #fit = new FitAddon();
  readonly #host: HTMLElement;
  readonly #cleanup: (() => void)[] = [];
  #search: SearchAddon | undefined;
  #disposed = false;

  constructor(
    host: HTMLElement,
    input: Handlers["input"],
    resize: Handlers["resize"],
    readonly rendered: Handlers["rendered"],
    readonly ready: Handlers["ready"],
  ) {
    this.#host = host;
    this.#emulator = new Emulator({
      allowProposedApi: true,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      cursorInactiveStyle: "outline",
      fontFamily: fontFamily(),
      fontSize: FONT_SIZE,
      lineHeight: 1.25,
      minimumContrastRatio: 4.5,
      scrollback: SCROLLBACK_LINES,
      theme: theme(),
    });
    this.#emulator.loadAddon(this.#fit);
    this.#emulator.loadAddon(new UnicodeGraphemesAddon());
    this.#emulator.loadAddon(new ClipboardAddon());
    this.#emulator.loadAddon(new WebLinksAddon());

    const encoder = new TextEncoder();
    this.#emulator.onData((text) => input(encoder.encode(text)));
    this.#emulator.onBinary((text) => input(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    this.#emulator.onResize(({ cols, rows }) => resize(cols, rows));
    this.#cleanup.push(onThemeChange(() => (this.#emulator.options.theme = theme())));
    void this.#open();
  }

  async #open(): Promise<void> {
    const fonts = Promise.all([document.fonts.load(`${FONT_SIZE}px ${fontFamily()}`), document.fonts.load(`700 ${FONT_SIZE}px ${fontFamily()}`)]);
    await Promise.race([fonts, new Promise((done) => setTimeout(done, FONT_WAIT_MS))]);
    if (this.#disposed) return;
    this.#emulator.open(this.#host);
    this.#copyOnSelect();
    const observer = new ResizeObserver(() => this.fit());
    observer.observe(this.#host);
    this.#cleanup.push(() => observer.disconnect());
    this.fit();
    this.ready(this.#emulator.cols, this.#emulator.rows);
    if (hasHardwareGl()) await this.#useWebgl();
  }

  async #useWebgl(): Promise<void> {
    const { WebglAddon } = await import("@xterm/addon-webgl");
    if (this.#disposed) return;
    const addon = new WebglAddon();
    // A lost context leaves a blank screen; without the add-on xterm.js goes back to its DOM renderer.
    addon.onContextLoss(() => addon.dispose());
    this.#emulator.loadAddon(addon);
  }

  #copyOnSelect(): void {
    const copy = () => this.#host.contains(document.activeElement) && this.copy();
    document.addEventListener("mouseup", copy);
    this.#cleanup.push(() => document.removeEventListener("mouseup", copy));
  }

  /// Shows bytes; tells `rendered` how many once they have been parsed and drawn.
  write(bytes: Uint8Array): void {
    this.#emulator.write(bytes, () => this.rendered(bytes.length));
  }

  /// Forgets screen, scrollback and modes.
  reset(): void {
    this.#emulator.reset();
  }

  /// Makes the grid fill its place. Does nothing while hidden.
  fit(): void {
    if (this.#host.clientWidth > 0 && this.#host.clientHeight > 0) this.#fit.fit();
  }

  focus(): void {
    this.#emulator.focus();
  }

  setLabel(label: string): void {
    this.#emulator.textarea?.setAttribute("aria-label", label);
  }

  setScreenReaderMode(on: boolean): void {
    this.#emulator.options.screenReaderMode = on;
  }

  /// Copies the selection; false when there is none.
  copy(): boolean {
    const text = this.#emulator.getSelection();
    if (text === "") return false;
    navigator.clipboard?.writeText(text).catch(() => document.execCommand("copy"));
    return true;
  }

  /// Types the clipboard; false when the browser does not let a page read it.
  async paste(): Promise<boolean> {
    try {
      this.#emulator.paste(await navigator.clipboard.readText());
      return true;
    } catch {
      return false;
    } finally {
      this.focus();
    }
  }

  /// Selects the next match of the text, or the one before; false when there is none.
  async find(text: string, backwards: boolean): Promise<boolean> {
    if (this.#search === undefined) {
      const { SearchAddon } = await import("@xterm/addon-search");
      if (this.#disposed) return false;
      this.#search = new SearchAddon();
      this.#emulator.loadAddon(this.#search);
    }
    return backwards ? this.#search.findPrevious(text) : this.#search.findNext(text, { incremental: true });
  }

  /// Everything on the screen and above it as text, for tests and assistive tools.
  text(): string {
    const buffer = this.#emulator.buffer.active;
    const lines = Array.from({ length: buffer.length }, (_, row) => buffer.getLine(row)?.translateToString(true) ?? "");
    return lines.join("\n").trimEnd();
  }

  dispose(): void {
    this.#disposed = true;
    for (const undo of this.#cleanup) undo();
    this.#emulator.dispose();
  }
}
