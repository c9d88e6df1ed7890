// What is shown, in order: the program's bytes, and which of them are old. xterm.js answers questions in the middle of parsing
// them; whether such an answer is wanted depends on the bytes that are being parsed.

import type { Terminal as Emulator } from "@xterm/xterm";

import { ImageWatch } from "./images";

/// The part of xterm.js that no public interface shows: it says of what it sends to the program whether the visitor did it.
type Core = { _core?: { coreService?: { onUserInput?: (told: () => void) => void } } };

/// What a focus makes xterm.js send, when the program asked for it: not typed, and no answer either.
const FOCUS = /^\x1b\[[IO]$/;
/// Sent instead, should a later xterm.js hide who did it: what an answer looks like. Shift+F3 looks like one, too.
const ANSWER = /^\x1b(?:\[[?>=]?[\d;]*(?:\$y|[cnRtuxyS])|[P\]_][^]*)$/;

export class Feed {
  readonly #emulator: Emulator;
  readonly #images: ImageWatch;
  /// Bytes still to come that are old.
  #old = 0;
  /// For each write that has not been parsed to its end, whether it is old: the first one is being parsed.
  readonly #queue: boolean[] = [];
  /// Writes that wait for the add-on that draws images.
  #held: (() => void)[] | undefined;
  #typed = false;
  readonly #knowsTyped: boolean;

  constructor(emulator: Emulator) {
    this.#emulator = emulator;
    this.#images = new ImageWatch(emulator);
    const onUserInput = (emulator as unknown as Core)._core?.coreService?.onUserInput;
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

  /// Whether what xterm.js is about to send is wanted: an answer to an old question is not.
  lets(data: string): boolean {
    const typed = this.#knowsTyped ? this.#typed : !ANSWER.test(data);
    this.#typed = false;
    return typed || !this.isOld || FOCUS.test(data);
  }

  #parse(data: string | Uint8Array, old: boolean, done?: () => void): void {
    this.#queue.push(old);
    this.#emulator.write(data, () => {
      this.#queue.shift();
      done?.();
    });
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
