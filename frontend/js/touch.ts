// Fingers on the terminal: one scrolls, one that rests selects, two change the size of the letters.

import type { Terminal as Emulator } from "@xterm/xterm";

/// How long a finger rests before it selects, in milliseconds, and how far it may stray meanwhile, in pixels.
const REST_MS = 450;
const STRAY = 8;

type Cell = { col: number; row: number };

/// What fingers do: type what a wheel would send, copy what they selected, change the size of the letters.
type Hand = { type: (text: string) => void; copied: () => void; letters: () => number; resize: (letters: number) => void };

export function useTouch(emulator: Emulator, host: HTMLElement, { type, copied, letters, resize }: Hand): () => void {
  let rest: number | undefined;
  let start: Touch | undefined;
  let scrolled = 0;
  let anchor: [Cell, Cell] | undefined;
  let pinch: { distance: number; font: number } | undefined;
  let moved = false;

  const cellHeight = () => screen().clientHeight / emulator.rows;
  const screen = () => host.querySelector<HTMLElement>(".xterm-screen")!;
  const cell = (touch: Touch): Cell => {
    const box = screen().getBoundingClientRect();
    const clamp = (value: number, most: number) => Math.min(most - 1, Math.max(0, Math.floor(value)));
    return {
      col: clamp(((touch.clientX - box.left) / box.width) * emulator.cols, emulator.cols),
      row: emulator.buffer.active.viewportY + clamp(((touch.clientY - box.top) / box.height) * emulator.rows, emulator.rows),
    };
  };
  const select = (from: Cell, to: Cell) => {
    const [first, last] = from.row < to.row || (from.row === to.row && from.col <= to.col) ? [from, to] : [to, from];
    emulator.select(first.col, first.row, (last.row - first.row) * emulator.cols + last.col - first.col + 1);
  };
  const stop = () => {
    clearTimeout(rest);
    rest = undefined;
  };

  const began = (event: TouchEvent) => {
    stop();
    moved = false;
    anchor = undefined;
    if (event.touches.length === 2) {
      start = undefined;
      pinch = { distance: spread(event), font: letters() };
      event.preventDefault();
      return;
    }
    start = event.touches[0]!;
    scrolled = 0;
    const at = cell(start);
    rest = window.setTimeout(() => {
      anchor = word(emulator, at);
      select(...anchor);
      navigator.vibrate?.(10);
    }, REST_MS);
  };
  const went = (event: TouchEvent) => {
    if (pinch && event.touches.length === 2) {
      event.preventDefault();
      const [before, left, top] = [letters(), host.scrollLeft, host.scrollTop];
      resize(pinch.font * (spread(event) / pinch.distance));
      // What is between the fingers stays there, where the grid is larger than its place.
      const [x, y] = between(event, host);
      const grown = letters() / before;
      host.scrollTo((left + x) * grown - x, (top + y) * grown - y);
      return;
    }
    const touch = event.touches[0]!;
    if (!start) return;
    if (anchor) {
      event.preventDefault();
      const to = cell(touch);
      const before = to.row < anchor[0].row || (to.row === anchor[0].row && to.col < anchor[0].col);
      select(before ? anchor[1] : anchor[0], to);
      return;
    }
    if (Math.hypot(touch.clientX - start.clientX, touch.clientY - start.clientY) > STRAY) {
      stop();
      moved = true;
    }
    // A part of somebody's grid is moved about by the browser.
    if (host.hasAttribute("data-part")) return;
    const lines = Math.trunc((start.clientY - touch.clientY) / cellHeight()) - scrolled;
    if (lines === 0) return;
    event.preventDefault();
    scrolled += lines;
    if (emulator.buffer.active.type === "normal") emulator.scrollLines(lines);
    // A program that fills the screen has no lines above it: it gets what a wheel would send.
    else type((lines > 0 ? "\x1b[B" : "\x1b[A").replace("[", emulator.modes.applicationCursorKeysMode ? "O" : "[").repeat(Math.abs(lines)));
  };
  const ended = (event: TouchEvent) => {
    stop();
    pinch = undefined;
    if (anchor) {
      // Not a tap: the keyboard stays away, and the selection stays.
      event.preventDefault();
      copied();
    } else if (moved) event.preventDefault();
    start = undefined;
  };

  const active = { passive: false };
  host.addEventListener("touchstart", began, active);
  host.addEventListener("touchmove", went, active);
  host.addEventListener("touchend", ended, active);
  host.addEventListener("touchcancel", stop);
  return stop;
}

function spread(event: TouchEvent): number {
  const [a, b] = [event.touches[0]!, event.touches[1]!];
  return Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));
}

/// The middle of two fingers, from the host's corner.
function between(event: TouchEvent, host: HTMLElement): [number, number] {
  const [a, b] = [event.touches[0]!, event.touches[1]!];
  const box = host.getBoundingClientRect();
  return [(a.clientX + b.clientX) / 2 - box.left, (a.clientY + b.clientY) / 2 - box.top];
}

/// The word at a cell, from its first cell to its last.
function word(emulator: Emulator, { col, row }: Cell): [Cell, Cell] {
  const line = emulator.buffer.active.getLine(row);
  const isWord = (at: number) => /\S/.test(line?.getCell(at)?.getChars() ?? "");
  let [from, to] = [col, col];
  if (isWord(col)) {
    while (from > 0 && isWord(from - 1)) from -= 1;
    while (to + 1 < emulator.cols && isWord(to + 1)) to += 1;
  }
  return [{ col: from, row }, { col: to, row }];
}

/// Keeps the page above a keyboard that covers it instead of making it smaller, as Safari's does.
export function stayAboveKeyboard(): () => void {
  const view = window.visualViewport;
  if (!view) return () => {};
  const root = document.documentElement;
  const follow = () => {
    const covered = window.innerHeight - view.height > 80 && view.scale === 1;
    if (covered) root.style.setProperty("--visible-block", `${view.height}px`);
    else root.style.removeProperty("--visible-block");
    if (covered) window.scrollTo(0, 0);
  };
  view.addEventListener("resize", follow);
  return () => view.removeEventListener("resize", follow);
}
