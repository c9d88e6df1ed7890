// What is shown, in order: the program's bytes, and which of them are old. xterm.js answers questions in the middle of parsing
// them; whether such an answer is wanted depends on the bytes that are being parsed.

import type { Terminal as Emulator } from "@xterm/xterm";

import { ImageWatch } from "./images";

/// The parts of xterm.js that no public interface shows: one says of what it sends to the program whether the visitor did it, the
/// other parses without waiting for a timer.
type Core = {
  _core?: { coreService?: { onUserInput?: (told: () => void) => void }; writeSync?: (data: string | Uint8Array) => void };
};
/// What xterm.js sends: what the visitor did, whether the terminal has the focus, an answer to a question of the program's, or one to
/// a question that is old, which nobody waits for.
export type Sent = "typed" | "focus" | "answer" | "late";
type Write = { data: string | Uint8Array; old: boolean; done: (() => void) | undefined };

/// What a focus makes xterm.js send, when the program asked for it: not typed, and no answer either.
const FOCUS = /^\x1b\[[IO]$/;
/// Sent instead, should a later xterm.js hide who did it: what an answer looks like. Shift+F3 looks like one, too.
const ANSWER = /^\x1b(?:\[[?>=]?[\d;]*(?:\$y|[cnRtuxyS])|[P\]_][^]*)$/;

/// Bytes that are parsed in one go: what takes long to parse leaves the page a turn between two of them.
const PIECE = 16 * 1024;

export class Feed {
  readonly #emulator: Emulator;
  readonly #images: ImageWatch;
  /// Bytes still to come that are old.
  #old = 0;
  /// For each write that has not been parsed to its end, whether it is old: the first one is being parsed.
  readonly #queue: boolean[] = [];
  /// Writes that wait for the add-on that draws images.
  #held: (() => void)[] | undefined;
  /// Writes that wait until all before them are parsed, to be parsed at once then.
  readonly #unseen: Write[] = [];
  #typed = false;
  readonly #knowsTyped: boolean;
  readonly #core: Core["_core"];

  constructor(emulator: Emulator) {
    this.#emulator = emulator;
    this.#images = new ImageWatch(emulator);
    this.#core = (emulator as unknown as Core)._core;
    const onUserInput = this.#core?.coreService?.onUserInput;
    this.#knowsTyped = onUserInput !== undefined;
    onUserInput?.(() => (this.#typed = true));
  }

  /// Whether what is being parsed is old: it is shown, and has no effect beyond that.
  get isOld(): boolean {
    return this.#queue[0] ?? false;
  }

  /// The next so many bytes are old.
  expectOld(bytes: number): void {
    this.#old = bytes;
  }

  /// Shows bytes of the program; `done` once they are parsed.
  write(bytes: Uint8Array, done: () => void): void {
    const old = Math.min(this.#old, bytes.length);
    this.#old -= old;
    this.#inTurn(bytes, () => {
      if (old > 0) this.#parse(bytes.subarray(0, old), true, old === bytes.length ? done : undefined);
      if (old < bytes.length) this.#parse(bytes.subarray(old), false, done);
    });
  }

  /// Shows text of our own.
  say(text: string, done?: () => void): void {
    this.#inTurn(undefined, () => this.#parse(text, true, done));
  }

  /// Does something when everything before it is parsed.
  then(act: () => void): void {
    this.say("", act);
  }

  /// What it is that xterm.js is about to send.
  kind(data: string): Sent {
    const typed = this.#knowsTyped ? this.#typed : !ANSWER.test(data);
    this.#typed = false;
    if (FOCUS.test(data)) return "focus";
    if (typed) return "typed";
    return this.isOld ? "late" : "answer";
  }

  #parse(data: string | Uint8Array, old: boolean, done?: () => void): void {
    if (this.#unseen.length > 0 || this.#isHurried) {
      this.#unseen.push({ data, old, done });
      return this.#hurry();
    }
    if (data.length > PIECE && typeof data !== "string") {
      this.#parse(data.subarray(0, PIECE), old);
      return this.#parse(data.subarray(PIECE), old, done);
    }
    this.#queue.push(old);
    this.#emulator.write(data, () => {
      this.#queue.shift();
      done?.();
      // Not from within: the emulator has still to note that this write is done.
      if (this.#queue.length === 0 && this.#unseen.length > 0) queueMicrotask(() => this.#hurry());
    });
  }

  /// A page that cannot be seen gets a timer's turn once a second or less, and the emulator parses by timers: a program that prints
  /// much would be paced by a tab in the background. There, what arrives is parsed as it arrives. Images are decoded meanwhile, which
  /// only the slow way waits for.
  get #isHurried(): boolean {
    return document.hidden && !this.#images.isLoaded && this.#core?.writeSync !== undefined;
  }

  #hurry(): void {
    while (this.#queue.length === 0) {
      const write = this.#unseen.shift();
      if (write === undefined) return;
      this.#queue.push(write.old);
      // Nothing at all would leave the emulator's own list of writes one behind.
      if (write.data.length > 0) this.#core!.writeSync!(write.data);
      this.#queue.shift();
      write.done?.();
    }
  }

  #inTurn(bytes: Uint8Array | undefined, write: () => void): void {
    if (this.#held !== undefined) {
      this.#held.push(write);
      return;
    }
    const loading = bytes && this.#images.load(bytes);
    if (!loading) return write();
    this.#held = [write];
    void loading.then(() => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const one of held) one();
    });
  }
}
