// xterm.js, its add-ons and the browser parts around it, behind one small class. `frontend/src/interop/terminal.rs` declares the
// same class and is its only caller. What is rare (finding, dialogs, WebGL, images, recordings) is loaded when it is wanted.

import { FitAddon } from "@xterm/addon-fit";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { type ITerminalOptions, Terminal as Emulator } from "@xterm/xterm";

import { Away } from "./away";
import { ring } from "./bell";
import { Clipboard } from "./clipboard";
import type { Echo } from "./echo";
import { make } from "./element";
import { Feed } from "./feed";
import type { Find } from "./find";
import { hasHardwareGl } from "./gl";
import { KeyBar } from "./key_bar";
import { type Ask, useLinks } from "./links";
import { Marks } from "./marks";
import { Pace } from "./pace";
import type { Replay } from "./replay";
import { scaleTo, showCursor } from "./scale";
import { change, fontSize, onChange, settings } from "./settings";
import { fontFamily, onThemeChange, theme } from "./theme";
import { stayAboveKeyboard, useTouch } from "./touch";

/// Lines kept above the screen. The agent's log goes back further; this is what one scrolls through.
const SCROLLBACK_LINES = 10_000;
/// A font that takes longer than this is not waited for: the terminal measures again when it arrives.
const FONT_WAIT_MS = 400;
/// One step of Ctrl with + or -, in pixels.
const ZOOM_STEP = 1;
/// An echo that takes longer than this, in milliseconds, so many times in a row, makes guessing worth its weight.
const SLOW_ECHO_MS = 60;
const SLOW_ECHOES = 3;
/// Characters of a title that are shown, and how often it may change, in milliseconds.
const TITLE_LENGTH = 200;
const TITLE_MS = 150;
/// Said above the screen as it was, when what came before is no longer kept.
const GONE = "\x1b[0;2m── Earlier output is gone: it is no longer kept. ──\x1b[0m\r\n";

const encoder = new TextEncoder();

export class Terminal {
  readonly #emulator: Emulator;
  readonly #feed: Feed;
  readonly #pace = new Pace();
  readonly #fit = new FitAddon();
  readonly #place: HTMLElement;
  readonly #away: Away;
  readonly #marks: Marks;
  readonly #clipboard: Clipboard;
  readonly #cleanup: (() => void)[] = [];
  /// Letters of this size instead of those that show all of somebody else's grid; 0 shows all of it.
  #enlarged = 0;
  /// What was chosen for all terminals.
  #chosen = settings().fontSize;
  #keys: KeyBar | undefined;
  #find: Find | undefined;
  #echo: Echo | undefined;
  /// When a key was sent whose echo has not come, and how many echoes in a row were slow.
  #sent: number | undefined;
  #slow = 0;
  /// Whether a size of somebody else's is shown, or the size is changed for a moment: it is not told then.
  #follows = false;
  /// Whether the visitor knows, since the last connection, that output is missing.
  #saidGone = false;
  #disposed = false;
  #title = "";
  #titling: number | undefined;

  constructor(
    readonly host: HTMLElement,
    readonly input: (bytes: Uint8Array) => void,
    resize: (cols: number, rows: number) => void,
    readonly rendered: (bytes: number) => void,
    readonly ready: (cols: number, rows: number) => void,
    readonly told: (kind: "title" | "bell" | "focus" | "note", text: string) => void,
  ) {
    this.#emulator = new Emulator(options());
    this.#place = make("div", { class: "terminal-place" });
    host.append(this.#place);
    this.#away = new Away(host);
    this.#feed = new Feed(this.#emulator);
    this.#emulator.loadAddon(this.#fit);
    this.#emulator.loadAddon(new UnicodeGraphemesAddon());
    // One that is hidden asks nothing: its dialog could not be seen, and would make the page deaf.
    const ask: Ask = async (question) => {
      const { ask } = await import("./dialogs");
      return host.clientHeight > 0 ? ask(host, question) : undefined;
    };
    useLinks(this.#emulator, ask);
    this.#marks = new Marks(this.#emulator);
    this.#clipboard = new Clipboard(this.#emulator, host, ask, (text) => told("note", text), () => this.#feed.isOld);

    this.#emulator.onData((text) => this.#send(text));
    this.#emulator.onBinary((text) => input(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    this.#emulator.onResize(({ cols, rows }) => this.#follows || resize(cols, rows));
    this.#emulator.onTitleChange((title) => this.#titled(title));
    this.#emulator.onBell(() => this.#rang());
    this.#emulator.attachCustomKeyEventHandler((event) => this.#key(event));
    this.#cleanup.push(onThemeChange(() => this.#dress()), onChange(() => this.#dress()));
    void this.#open();
  }

  async #open(): Promise<void> {
    const font = (weight: number) => document.fonts.load(`${weight} ${fontSize()}px ${fontFamily()}`);
    await Promise.race([Promise.all([font(400), font(700)]), new Promise((done) => setTimeout(done, FONT_WAIT_MS))]);
    if (this.#disposed) return;
    this.#emulator.open(this.#place);
    // Whoever turns to this page wants it in its own size.
    for (const event of ["focusin", "pointerdown"]) this.host.addEventListener(event, () => this.told("focus", ""));
    this.#copyOnSelect();
    if (matchMedia("(pointer: coarse)").matches) this.#touch();
    const observer = new ResizeObserver(() => this.fit());
    observer.observe(this.#place);
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

  #touch(): void {
    const type = (text: string) => this.#emulator.input(text, true);
    this.#keys = new KeyBar({
      type,
      paste: () => void this.paste().then((done) => done || this.told("note", "The browser does not let the page read the clipboard. Hold a finger on the line and choose Paste.")),
      application: () => this.#emulator.modes.applicationCursorKeysMode,
      focus: () => this.focus(),
    });
    this.host.append(this.#keys.element);
    this.#cleanup.push(useTouch(this.#emulator, this.#place, { type, copied: () => this.copy(), letters: () => this.#letters(), resize: (letters) => this.#resize(letters) }), stayAboveKeyboard());
  }

  #copyOnSelect(): void {
    const copy = () => this.host.contains(document.activeElement) && this.copy();
    document.addEventListener("mouseup", copy);
    this.#cleanup.push(() => document.removeEventListener("mouseup", copy));
  }

  #send(text: string): void {
    const kind = this.#feed.kind(text);
    // Of several pages that show a terminal, the one whose size it has answers its program: an answer that comes twice is typed.
    if (kind === "late" || (kind === "answer" && this.#follows)) return;
    if (kind !== "typed") return this.input(encoder.encode(text));
    const typed = this.#keys?.take(text) ?? text;
    if (this.#follows) this.told("focus", "");
    this.input(encoder.encode(typed));
    if (this.#place.hasAttribute("data-part")) showCursor(this.#emulator, this.#place);
    this.#sent ??= performance.now();
    if (settings().predict) this.#echo?.typed(typed);
  }

  /// Output has come, an echo most likely: was it slow?
  #heard(): void {
    if (this.#sent === undefined || this.#echo !== undefined) return;
    this.#slow = performance.now() - this.#sent > SLOW_ECHO_MS ? this.#slow + 1 : 0;
    this.#sent = undefined;
    if (this.#slow === SLOW_ECHOES && settings().predict) void this.#guess();
  }

  async #guess(): Promise<void> {
    const { Echo } = await import("./echo");
    if (!this.#disposed) this.#echo ??= new Echo(this.#emulator);
  }

  #rang(): void {
    if (!this.#feed.isOld && ring(this.host)) this.told("bell", "");
  }

  /// The program calls itself so. One that does so all the time is heard now and then.
  #titled(title: string): void {
    this.#title = title.slice(0, TITLE_LENGTH);
    this.#titling ??= window.setTimeout(() => {
      this.#titling = undefined;
      if (!this.#disposed) this.told("title", this.#title);
    }, TITLE_MS);
  }

  #key(event: KeyboardEvent): boolean {
    const zooms = settings().zoomKeys && event.type === "keydown" && (event.ctrlKey || event.metaKey) && !event.altKey;
    const command = zooms ? ({ "+": "larger", "=": "larger", "-": "smaller", "0": "usual-size" } as const)[event.key] : undefined;
    if (command === undefined) return true;
    event.preventDefault();
    this.act(command);
    return false;
  }

  #dress(): void {
    this.#emulator.options.theme = theme();
    const chosen = settings().fontSize;
    if (this.#follows && chosen !== this.#chosen) this.#enlarged = chosen;
    this.#chosen = chosen;
    if (!this.#follows) this.#emulator.options.fontSize = fontSize();
    this.fit();
  }

  /// Shows bytes; tells `rendered` once they have been parsed and drawn how many more may come.
  write(bytes: Uint8Array): void {
    this.#heard();
    this.#pace.given(bytes.length, performance.now());
    this.#feed.write(bytes, () => {
      const due = this.#pace.drawn(bytes.length, performance.now());
      if (due > 0) this.rendered(due);
    });
  }

  /// Forgets screen, scrollback and modes, and says, once for each connection, that output is missing. The next `old` bytes are old, see `attached`.
  reset(old: number): void {
    this.#feed.expectOld(old);
    this.#feed.say(`\x1bc${GONE}`);
    this.#sayGone();
  }

  /// The same, with the screen as it was, which had this size.
  snapshot(cols: number, rows: number, screen: string, old: number): void {
    this.#feed.expectOld(old);
    this.#feed.then(() => {
      if (this.#disposed) return;
      const followed = this.#follows;
      this.#follows = true;
      this.#emulator.reset();
      // Drawn at its own size, and reflowed from there.
      this.#emulator.resize(cols, rows);
      this.#follows = followed;
    });
    // Above the screen, where what is missing would have been; and told, since the screen hides it.
    this.#feed.say(`${GONE}${"\r\n".repeat(rows - 1)}\x1b[H${screen}`, () => this.fit());
    this.#sayGone();
  }

  #sayGone(): void {
    if (!this.#saidGone) this.told("note", "Earlier output of this terminal is gone: it is no longer kept.");
    this.#saidGone = true;
  }

  /// There is a connection; the next `old` bytes were printed before it was made.
  attached(old: number): void {
    this.#feed.expectOld(old);
    this.#pace.begin();
    this.#saidGone = false;
    this.#away.hide();
  }

  /// There is none; so many bytes are kept, or more than are kept were typed.
  away(typed: number, dropped: boolean): void {
    this.#away.show(typed, dropped);
  }

  /// Shows a grid of this size, scaled; no columns: fills its place again.
  follow(cols: number, rows: number): void {
    this.#follows = cols > 0;
    if (this.#follows) this.#emulator.resize(cols, rows);
    else {
      this.#enlarged = 0;
      this.#place.removeAttribute("data-part");
      this.#emulator.options.fontSize = fontSize();
    }
    this.fit();
  }

  /// Makes the grid fill its place. Does nothing while hidden.
  fit(): void {
    if (this.#disposed || this.#place.clientWidth === 0 || this.#place.clientHeight === 0) return;
    if (this.#follows) this.#place.toggleAttribute("data-part", scaleTo(this.#emulator, this.#place, this.#enlarged));
    else this.#fit.fit();
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
    return this.#clipboard.copy();
  }

  /// Types the clipboard; false when the browser does not let a page read it.
  paste(): Promise<boolean> {
    return this.#clipboard.pasteClipboard();
  }

  /// Does what a command of `interop/terminal.rs` says.
  act(command: string): void {
    switch (command) {
      case "find":
        return void this.#openFind();
      case "settings":
        return void import("./settings_dialog").then(({ openSettings }) => openSettings(this.host, () => this.focus()));
      case "copy-line":
        if (!this.#clipboard.copyLine()) this.told("note", "Select some text in the terminal first.");
        return;
      case "prompt-before":
      case "prompt-after":
        if (!this.#marks.step(command === "prompt-before")) this.told("note", "There is no such prompt, or this shell does not mark its prompts.");
        return;
      case "larger":
        return this.#resize(this.#letters() + ZOOM_STEP);
      case "smaller":
        return this.#resize(this.#letters() - ZOOM_STEP);
      case "usual-size":
        return this.#resize(0);
    }
  }

  /// How large the letters are: for all terminals, or for the grid of somebody else's that is shown here.
  #letters(): number {
    return this.#follows ? this.#emulator.options.fontSize! : fontSize();
  }

  /// Makes them so large; 0 is the usual size, or the one that shows all.
  #resize(letters: number): void {
    if (!this.#follows) return change({ fontSize: letters });
    this.#enlarged = letters;
    this.fit();
  }

  async #openFind(): Promise<void> {
    const { Find } = await import("./find");
    if (this.#disposed) return;
    this.#find ??= new Find(this.#emulator, this.host);
    this.#find.open();
  }

  dispose(): void {
    this.#disposed = true;
    for (const undo of this.#cleanup) undo();
    this.#marks.dispose();
    this.#echo?.dispose();
    this.#emulator.dispose();
    this.host.replaceChildren();
  }
}

/// Opens a recording, see `replay.ts`.
export async function openReplay(host: HTMLElement, text: string, at: number, link: string): Promise<Replay> {
  const { Replay } = await import("./replay");
  return new Replay(Emulator, host, options(), text, at, link);
}

function options(): ITerminalOptions {
  return {
    allowProposedApi: true,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    cursorInactiveStyle: "outline",
    fontFamily: fontFamily(),
    fontSize: fontSize(),
    lineHeight: 1.25,
    // Bytes that are no text would have it write a line for each of them.
    logLevel: "off",
    minimumContrastRatio: 4.5,
    scrollback: SCROLLBACK_LINES,
    theme: theme(),
  };
}
