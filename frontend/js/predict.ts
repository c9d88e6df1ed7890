// Guesses what the program will echo, as mosh does (Winstein and Balakrishnan, "Mosh: An Interactive Remote Shell for Mobile
// Clients"). Pure: it is told what is typed and what the screen shows, and says what to draw over the screen meanwhile. It never
// changes the screen, so that a wrong guess is undone by drawing it no longer.
//
// A guess is drawn only once the program has echoed a guess of the same run. A run begins anew with whatever may change who reads the
// keys: Enter, a control character, another screen, a guess that was wrong. So nothing of a password is ever drawn.

/// What the predictor needs to know of the screen. `line` counts from the top of the scrollback.
export type View = {
  x: number;
  line: number;
  cols: number;
  alternate: boolean;
  /// The character of a cell, a blank where there is none.
  cell: (x: number, line: number) => string;
};

/// What to draw: characters by cell on one line, and where the cursor seems to be.
export type Overlay = { line: number; from: number; text: string; cursor: number };

type Guess = {
  /// What the cell it changes will hold; none for a cursor that only moves.
  cell?: { x: number; char: string };
  /// Where the cursor will be.
  x: number;
  at: number;
};

/// Echo slower than this is worth guessing, faster than the other is not any more, in milliseconds.
const SLOW_MS = 60;
const FAST_MS = 40;
/// A guess that is not answered for so many times the usual is wrong, as on a password; within these bounds, in milliseconds.
const PATIENCE = 4;
const [LEAST_WAIT_MS, LONGEST_WAIT_MS] = [500, 4_000];
/// Guesses under way, and keys at once: more is a paste.
const MOST = 128;
/// How much a new measurement counts.
const WEIGHT = 0.25;

/// One cell wide, and drawn without its neighbours: nothing that combines, joins or is wide.
const PLAIN = /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f]$/u;

export class Predictor {
  #guesses: Guess[] = [];
  /// Where the cursor really is, as of the last look.
  #base: { x: number; line: number; alternate: boolean } | undefined;
  /// The leftmost cell of this run: nothing before it is the visitor's to erase.
  #start = 0;
  /// Whether a guess of this run has come true.
  #proven = false;
  /// Until what is under way has come back, nothing further can be guessed.
  #lost = false;
  #echoMs: number | undefined;
  #slow = false;

  /// How long an echo takes, smoothed, in milliseconds; none before one was seen.
  get echoMs(): number | undefined {
    return this.#echoMs;
  }

  /// The visitor typed.
  typed(text: string, view: View, now: number): void {
    // A paste is not looked at key by key: it may be megabytes.
    if (text.length > MOST) return this.#begin();
    if (this.#base && (this.#base.line !== view.line || this.#base.alternate !== view.alternate)) this.#begin();
    this.#base = { x: view.x, line: view.line, alternate: view.alternate };
    for (const key of keys(text)) {
      if (this.#lost) continue;
      const guess = this.#guesses.length < MOST ? this.#guess(key, view, now) : undefined;
      if (guess !== undefined) this.#guesses.push(guess);
      else this.#giveUp(key);
    }
  }

  /// Output was parsed: what of the guesses has come true?
  seen(view: View, now: number): void {
    const base = this.#base;
    if (base === undefined) return;
    if (view.line !== base.line || view.alternate !== base.alternate) {
      this.#begin();
      this.#base = { x: view.x, line: view.line, alternate: view.alternate };
      return;
    }
    // A cursor that stands where it stood proves nothing: what goes forth and back may have come or not. Of two guesses that fit, the
    // earlier one: what came true and is not known to have drawn no less right.
    const moved = view.x !== base.x;
    const count = moved ? this.#guesses.findIndex((guess, index) => guess.x === view.x && this.#holds(index, view)) + 1 : 0;
    if (count > 0) {
      const last = this.#guesses[count - 1]!;
      this.#measure(now - last.at);
      // A cursor that moved proves nothing of what letters do.
      if (this.#guesses.slice(0, count).some((guess) => guess.cell && guess.cell.char !== " ")) this.#proven = true;
      this.#guesses.splice(0, count);
    } else if (moved && this.#guesses.length > 0) {
      this.#begin();
    }
    if (this.#guesses.length === 0 && this.#lost && this.#proven) this.#lost = false;
    this.#base = { x: view.x, line: view.line, alternate: view.alternate };
  }

  /// Time has passed: what should have come by now has, or will not.
  tick(view: View, now: number): void {
    const wait = Math.min(LONGEST_WAIT_MS, Math.max(LEAST_WAIT_MS, PATIENCE * (this.#echoMs ?? 0)));
    if (this.#guesses.length > 0 && now - this.#guesses[0]!.at > wait) {
      const last = this.#guesses.length - 1;
      if (this.#guesses[last]!.x === view.x && this.#holds(last, view)) this.#guesses = [];
      else this.#begin();
    }
  }

  /// What to draw now, if anything.
  overlay(view: View): Overlay | undefined {
    if (!this.#slow || !this.#proven || this.#guesses.length === 0) return undefined;
    const cells = new Map<number, string>();
    for (const guess of this.#guesses) if (guess.cell) cells.set(guess.cell.x, guess.cell.char);
    const cursor = this.#guesses.at(-1)!.x;
    const from = Math.min(view.x, cursor, ...cells.keys());
    const to = Math.max(view.x, cursor - 1, ...cells.keys());
    let text = "";
    for (let x = from; x <= to; x += 1) text += cells.get(x) ?? view.cell(x, view.line);
    return { line: view.line, from, text, cursor };
  }

  /// Whether something is under way, so that time matters.
  get isWaiting(): boolean {
    return this.#guesses.length > 0;
  }

  #guess(key: string, view: View, now: number): Guess | undefined {
    const x = this.#guesses.at(-1)?.x ?? view.x;
    if (this.#guesses.length === 0 && !this.#proven) this.#start = x;
    if (PLAIN.test(key)) {
      // At the end of the line only: in its middle a shell moves the rest, another program may write over it. And not into the
      // last cell, behind which the cursor may stay or not.
      if (x + 1 >= view.cols || !this.#isBlankFrom(x, view)) return undefined;
      return { cell: { x, char: key }, x: x + 1, at: now };
    }
    if (key === "\x7f") return x > this.#start && this.#isBlankFrom(x, view) ? { cell: { x: x - 1, char: " " }, x: x - 1, at: now } : undefined;
    if (key === "left") return x > this.#start ? { x: x - 1, at: now } : undefined;
    if (key === "right") return this.#isBlankFrom(x, view) ? undefined : { x: x + 1, at: now };
    return undefined;
  }

  /// Whether nothing stands at this cell or after it, guesses included.
  #isBlankFrom(from: number, view: View): boolean {
    for (let x = from; x < view.cols; x += 1) if (this.#cell(x, view) !== " ") return false;
    return true;
  }

  #cell(x: number, view: View): string {
    const guess = this.#guesses.findLast((one) => one.cell?.x === x);
    return guess?.cell?.char ?? view.cell(x, view.line);
  }

  /// Whether the screen looks as after this guess and all before it.
  #holds(index: number, view: View): boolean {
    const cells = new Map<number, string>();
    for (const guess of this.#guesses.slice(0, index + 1)) if (guess.cell) cells.set(guess.cell.x, guess.cell.char);
    return [...cells].every(([x, char]) => view.cell(x, view.line) === char);
  }

  #giveUp(key: string): void {
    this.#lost = true;
    // A key that may end the line, or start something else.
    if (!PLAIN.test(key) && key !== "\x7f" && key !== "left" && key !== "right") this.#begin();
  }

  #begin(): void {
    this.#guesses = [];
    this.#proven = false;
    this.#lost = false;
    this.#base = undefined;
  }

  #measure(ms: number): void {
    this.#echoMs = this.#echoMs === undefined ? ms : this.#echoMs + WEIGHT * (ms - this.#echoMs);
    this.#slow = this.#echoMs > (this.#slow ? FAST_MS : SLOW_MS);
  }
}

/// What was typed, key by key: characters, `left`, `right`, and other sequences as they are.
export function keys(text: string): string[] {
  const found = text.match(/\x1b(?:\[[0-?]*[ -/]*[@-~]|O[@-~]|[^[O])|[^]/gu) ?? [];
  return found.map((key) => ({ "\x1b[D": "left", "\x1bOD": "left", "\x1b[C": "right", "\x1bOC": "right" })[key] ?? key);
}
