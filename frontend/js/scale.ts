// A grid of a given size in a place of another: the letters grow or shrink, the grid does not.

import type { Terminal as Emulator } from "@xterm/xterm";

/// Pixels: the smallest letters that can be told apart at all, and the largest that are still a terminal's.
const SMALLEST = 4;
const LARGEST = 22;

/// The font size at which a grid fits into a place, given how large it is at another font size.
export function fontToFit(font: number, grid: { width: number; height: number }, place: { width: number; height: number }): number {
  if (grid.width <= 0 || grid.height <= 0) return font;
  const fitting = font * Math.min(place.width / grid.width, place.height / grid.height);
  return Math.min(LARGEST, Math.max(SMALLEST, Math.floor(fitting * 2) / 2));
}

/// Sets the font size at which the emulator's grid fits its host, or the larger one that is wanted: whether that shows but a part of
/// it. Does nothing while hidden.
export function scaleTo(emulator: Emulator, host: HTMLElement, wanted = 0): boolean {
  const screen = emulator.element?.querySelector<HTMLElement>(".xterm-screen");
  const place = { width: host.clientWidth, height: host.clientHeight };
  if (!screen || place.width === 0 || place.height === 0) return false;
  const { scrollLeft, scrollTop } = host;
  // Cells are whole pixels: once more from what came out, and smaller still if that does not fit.
  for (let round = 0; round < 2; round += 1) {
    emulator.options.fontSize = fontToFit(emulator.options.fontSize!, { width: screen.clientWidth, height: screen.clientHeight }, place);
  }
  while (emulator.options.fontSize! > SMALLEST && (screen.clientWidth > place.width || screen.clientHeight > place.height)) {
    emulator.options.fontSize! -= 0.5;
  }
  if (wanted <= emulator.options.fontSize!) return false;
  emulator.options.fontSize = Math.min(LARGEST, wanted);
  host.scrollTo(scrollLeft, scrollTop);
  return true;
}

/// Moves a part of a grid until the cursor is in it.
export function showCursor(emulator: Emulator, place: HTMLElement): void {
  const screen = place.querySelector<HTMLElement>(".xterm-screen");
  if (!screen) return;
  const { cols, rows, buffer } = emulator;
  const [width, height] = [screen.clientWidth / cols, screen.clientHeight / rows];
  const into = (from: number, length: number, at: number, size: number) => Math.min(at, Math.max(from, at + 2 * size - length));
  place.scrollTo(
    into(place.scrollLeft, place.clientWidth, buffer.active.cursorX * width, width),
    into(place.scrollTop, place.clientHeight, buffer.active.cursorY * height, height),
  );
}
