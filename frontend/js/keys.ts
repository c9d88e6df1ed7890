// Keys that a screen's own keyboard lacks, as bytes. Pure.

export type Held = { ctrl: boolean; alt: boolean };
export type Key = "escape" | "tab" | "up" | "down" | "left" | "right" | "home" | "end" | "page-up" | "page-down";

const ARROWS: Partial<Record<Key, string>> = { up: "A", down: "B", right: "C", left: "D", home: "H", end: "F" };
const PAGES: Partial<Record<Key, number>> = { "page-up": 5, "page-down": 6 };

/// A key with what is held, as xterm sends it. `application` is the mode that a program may set for arrows.
export function keyBytes(key: Key, held: Held, application: boolean): string {
  const modifier = 1 + (held.alt ? 2 : 0) + (held.ctrl ? 4 : 0);
  const letter = ARROWS[key];
  if (letter !== undefined) {
    if (modifier > 1) return `\x1b[1;${modifier}${letter}`;
    return `\x1b${application ? "O" : "["}${letter}`;
  }
  const page = PAGES[key];
  if (page !== undefined) return modifier > 1 ? `\x1b[${page};${modifier}~` : `\x1b[${page}~`;
  const plain = key === "tab" ? "\t" : "\x1b";
  return held.alt ? `\x1b${plain}` : plain;
}

/// What was typed, with what is held: for one letter only, since a pasted or composed text is not a key.
export function withHeld(text: string, held: Held): string {
  if ([...text].length !== 1) return text;
  const char = held.ctrl ? control(text) : text;
  return held.alt ? `\x1b${char}` : char;
}

function control(char: string): string {
  if (char === " ") return "\0";
  if (char === "?") return "\x7f";
  const code = char.toUpperCase().charCodeAt(0);
  return code >= 0x40 && code < 0x60 ? String.fromCharCode(code - 0x40) : char;
}
