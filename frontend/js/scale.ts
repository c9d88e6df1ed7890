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

/// Sets the font size at which the emulator's grid fits its host. Does nothing while hidden.
export function scaleTo(emulator: Emulator, host: HTMLElement): void {
  const screen = emulator.element?.querySelector<HTMLElement>(".xterm-screen");
  const place = { width: host.clientWidth, height: host.clientHeight };
  if (!screen || place.width === 0 || place.height === 0) return;
  // Cells are whole pixels: once more from what came out, and smaller still if that does not fit.
  for (let round = 0; round < 2; round += 1) {
    emulator.options.fontSize = fontToFit(emulator.options.fontSize!, { width: screen.clientWidth, height: screen.clientHeight }, place);
  }
  while (emulator.options.fontSize! > SMALLEST && (screen.clientWidth > place.width || screen.clientHeight > place.height)) {
    emulator.options.fontSize! -= 0.5;
  }
}
