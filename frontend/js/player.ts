// Plays a recording into a terminal that nobody can type into: nothing it prints is answered, copied or opened by itself.

import { SerializeAddon } from "@xterm/addon-serialize";
import type { ITerminalOptions, Terminal as Emulator } from "@xterm/xterm";

import { type Cast, findInCast, readCast, resizeOf } from "./cast";
import { scaleTo } from "./scale";

/// Output between two keyframes, in characters: what a step back has to play again at most.
const KEYFRAME_EVERY = 512 * 1024;
const MAX_KEYFRAMES = 64;
/// Lines of scrollback in a keyframe.
const KEYFRAME_LINES = 1_000;
/// Output written at once while seeking, in characters, before the page gets a turn.
const SLICE = 256 * 1024;
/// How often the time is told while it runs, in milliseconds.
const TICK_MS = 100;

type Keyframe = { event: number; cols: number; rows: number; screen: string };

export class Player {
  readonly #emulator: Emulator;
  readonly #cast: Cast;
  readonly #serialize = new SerializeAddon();
  readonly #keyframes: Keyframe[];
  readonly #observer: ResizeObserver;
  /// The next event to play, the time in seconds, and the characters since the last keyframe.
  #next = 0;
  #time = 0;
  #since = 0;
  #speed = 1;
  #idleCap = 0;
  #playing = false;
  #disposed = false;
  #frame = 0;
  #last = 0;
  #told = 0;
  /// Seeks take their turn.
  #work: Promise<void> = Promise.resolve();
  #seeks = 0;

  constructor(
    Screen: typeof Emulator,
    readonly host: HTMLElement,
    options: ITerminalOptions,
    text: string,
    /// Told ten times a second while it plays, and whenever it starts, stops or goes elsewhere: seconds, and whether it plays.
    readonly tick: (seconds: number, playing: boolean) => void,
  ) {
    this.#cast = readCast(text);
    this.#emulator = new Screen({ ...options, ...this.#cast.size, disableStdin: true, cursorBlink: false });
    this.#emulator.loadAddon(this.#serialize);
    this.#emulator.open(host);
    this.#keyframes = [{ event: 0, ...this.#cast.size, screen: "" }];
    this.#observer = new ResizeObserver(() => this.fit());
    this.#observer.observe(host);
    this.fit();
    void this.seek(0);
  }

  /// Seconds that the recording lasts.
  get duration(): number {
    return this.#cast.seconds;
  }

  get title(): string {
    return this.#cast.title;
  }

  /// Times of marks, in seconds.
  get marks(): number[] {
    return this.#cast.events.filter((event) => event.kind === "mark").map((event) => event.at);
  }

  /// Plays on; from the beginning when it is over.
  play(): void {
    if (this.#playing) return;
    if (this.#next >= this.#cast.events.length) void this.seek(0);
    this.#playing = true;
    this.#last = performance.now();
    this.#frame = requestAnimationFrame(this.#step);
    this.#tell();
  }

  pause(): void {
    this.#playing = false;
    cancelAnimationFrame(this.#frame);
    this.#tell();
  }

  /// Seconds of the recording in a second.
  setSpeed(speed: number): void {
    this.#speed = Math.min(64, Math.max(0.1, speed));
  }

  /// The longest pause that is kept, in seconds of the recording; 0 keeps all of them.
  setIdleCap(seconds: number): void {
    this.#idleCap = Math.max(0, seconds);
  }

  /// Shows the screen as it was at this time, and stays playing or paused.
  seek(seconds: number): Promise<void> {
    const target = Math.min(this.#cast.seconds, Math.max(0, seconds));
    const turn = (this.#seeks += 1);
    // Of several that were asked for meanwhile, only the last one is worth the work.
    this.#work = this.#work.then(() => (turn === this.#seeks ? this.#goTo(target) : undefined));
    return this.#work;
  }

  /// Times at which the text was printed, in seconds.
  search(text: string): number[] {
    return findInCast(this.#cast, text);
  }

  /// Copies the selection, or else the whole screen.
  copy(): void {
    const buffer = this.#emulator.buffer.active;
    const lines = Array.from({ length: this.#emulator.rows }, (_, row) => buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? "");
    void navigator.clipboard?.writeText(this.#emulator.getSelection() || lines.join("\n").trimEnd()).catch(() => {});
  }

  /// Makes the recorded grid as large as its place allows.
  fit(): void {
    scaleTo(this.#emulator, this.host);
  }

  dispose(): void {
    this.#disposed = true;
    cancelAnimationFrame(this.#frame);
    this.#observer.disconnect();
    this.#emulator.dispose();
  }

  readonly #step = (now: number): void => {
    if (!this.#playing || this.#disposed) return;
    const passed = ((now - this.#last) / 1000) * this.#speed;
    this.#last = now;
    this.#time += passed;
    const upcoming = this.#cast.events[this.#next];
    const before = this.#cast.events[this.#next - 1]?.at ?? 0;
    // A pause is cut short at its end: the time jumps, so that a moment has one name however it is played.
    if (upcoming && this.#idleCap > 0 && upcoming.at - before > this.#idleCap && this.#time - before > this.#idleCap) {
      this.#time = upcoming.at;
    }
    void this.#work.then(() => this.#playUntil(this.#time));
    if (this.#next >= this.#cast.events.length && this.#time >= this.#cast.seconds) {
      this.#time = this.#cast.seconds;
      return this.pause();
    }
    if (now - this.#told > TICK_MS) this.#tell();
    this.#frame = requestAnimationFrame(this.#step);
  };

  /// Plays what is due. Several events at once go through one write.
  #playUntil(seconds: number): void {
    while (!this.#disposed && this.#next < this.#cast.events.length && this.#cast.events[this.#next]!.at <= seconds) {
      const written = this.#apply(SLICE, seconds);
      // A burst waits for the screen: frames drop, the page does not stand still.
      if (written >= SLICE) return;
    }
  }

  /// Applies events up to this time until so many characters were written.
  #apply(most: number, seconds: number): number {
    let batch = "";
    while (this.#next < this.#cast.events.length && batch.length < most) {
      const event = this.#cast.events[this.#next]!;
      if (event.at > seconds) break;
      const size = event.kind === "resize" ? resizeOf(event.data) : undefined;
      if (size !== undefined && batch !== "") break;
      this.#next += 1;
      if (event.kind === "output") batch += event.data;
      // Order is kept: a resize applies when everything before has been parsed.
      if (size !== undefined) this.#emulator.write("", () => this.#resize(size.cols, size.rows));
    }
    this.#since += batch.length;
    this.#emulator.write(batch);
    return batch.length;
  }

  async #goTo(target: number): Promise<void> {
    if (this.#disposed) return;
    const events = this.#cast.events;
    const frame = this.#keyframes.findLast((one) => one.event === 0 || events[one.event - 1]!.at <= target)!;
    const current = events[this.#next - 1]?.at ?? 0;
    if (target < current || this.#next < frame.event || this.#next === 0) {
      await this.#parsed();
      this.#emulator.reset();
      this.#resize(frame.cols, frame.rows);
      this.#emulator.write(frame.screen);
      this.#next = frame.event;
      this.#since = 0;
    }
    this.#time = target;
    while (!this.#disposed && this.#next < events.length && events[this.#next]!.at <= target) {
      this.#apply(SLICE, target);
      await this.#parsed();
      this.#keep();
    }
    await this.#parsed();
    this.#last = performance.now();
    this.#tell();
  }

  #keep(): void {
    if (this.#since < KEYFRAME_EVERY || this.#keyframes.length >= MAX_KEYFRAMES) return;
    this.#since = 0;
    if (this.#keyframes.some((frame) => frame.event >= this.#next)) return;
    const { cols, rows } = this.#emulator;
    this.#keyframes.push({ event: this.#next, cols, rows, screen: this.#serialize.serialize({ scrollback: KEYFRAME_LINES }) });
  }

  #parsed(): Promise<void> {
    return new Promise((done) => this.#emulator.write("", () => setTimeout(done)));
  }

  #resize(cols: number, rows: number): void {
    if (this.#disposed) return;
    this.#emulator.resize(cols, rows);
    this.fit();
  }

  #tell(): void {
    this.#told = performance.now();
    if (!this.#disposed) this.tick(this.#time, this.#playing);
  }
}
