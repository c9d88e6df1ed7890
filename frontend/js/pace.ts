// How much output may be under way to a terminal: what it draws in a moment, so that after Ctrl-C little is left to be drawn. Pure.

/// What the agent may send before any of it is drawn, in bytes: `CREDIT_BYTES` of `frontend/src/state/attachments.rs`.
const MOST = 512 * 1024;
/// So much always may: enough for the way to the agent and back.
const LEAST = 128 * 1024;
/// The moment, and how long one looks to know how fast it is, in milliseconds.
const MOMENT_MS = 250;
const LOOK_MS = 100;

export class Pace {
  /// Bytes given that are not drawn, and bytes drawn for which no more were asked.
  #under = 0;
  #held = 0;
  /// Since when something has been drawn all the time, and what was drawn in how many milliseconds since the last look.
  #since = 0;
  #bytes = 0;
  #busy = 0;
  #most = MOST;

  /// A connection begins: the agent may send as much as ever.
  begin(): void {
    this.#held = 0;
  }

  /// Bytes came.
  given(bytes: number, now: number): void {
    if (this.#under === 0) this.#since = now;
    this.#under += bytes;
  }

  /// They are drawn. How many more may come?
  drawn(bytes: number, now: number): number {
    this.#under -= bytes;
    this.#bytes += bytes;
    this.#busy += now - this.#since;
    this.#since = now;
    // Few bytes tell little: they waited for something else than to be drawn.
    if (this.#busy >= LOOK_MS && this.#bytes >= LEAST / 4) {
      this.#most = Math.min(MOST, Math.max(LEAST, (this.#bytes / this.#busy) * MOMENT_MS));
      this.#bytes = this.#busy = 0;
    }
    this.#held += bytes;
    const due = Math.max(0, Math.floor(this.#held - (MOST - this.#most)));
    this.#held -= due;
    return due;
  }
}
