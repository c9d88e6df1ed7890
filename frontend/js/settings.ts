// What the visitor chose for all terminals, kept in the browser.

export type Settings = {
  /// A theme's name; empty for the product's own, light or dark as the page is.
  theme: string;
  /// Pixels; 0 for what suits the screen.
  fontSize: number;
  /// Whether the bell can be heard.
  sound: boolean;
  /// Whether Ctrl with +, - and 0 changes the letters' size in a terminal.
  zoomKeys: boolean;
  /// Whether letters are shown before the program echoes them, where it is far away.
  predict: boolean;
};

const KEY = "porthole.terminal";
const USUAL: Settings = { theme: "", fontSize: 0, sound: false, zoomKeys: true, predict: true };
export const FONT_SIZES = { least: 7, most: 32 };

let current: Settings = read(load());
const listeners = new Set<() => void>();

export function settings(): Settings {
  return current;
}

export function change(some: Partial<Settings>): void {
  current = read(JSON.stringify({ ...current, ...some }));
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // Without storage they hold until the page is left.
  }
  for (const told of listeners) told();
}

/// Calls back after each change, until the returned function is called.
export function onChange(told: () => void): () => void {
  listeners.add(told);
  return () => listeners.delete(told);
}

/// Pixels. On a phone more columns are worth more than larger letters.
export function usualFontSize(): number {
  return matchMedia("(width < 30rem)").matches ? 11.5 : 13.5;
}

export function fontSize(): number {
  return current.fontSize || usualFontSize();
}

/// Settings as far as the text holds them; the rest is as usual.
export function read(text: string | null): Settings {
  let held: Partial<Record<keyof Settings, unknown>> = {};
  try {
    held = JSON.parse(text ?? "{}") ?? {};
  } catch {
    // Somebody else's, or cut off.
  }
  const flag = (name: "sound" | "zoomKeys" | "predict") => (typeof held[name] === "boolean" ? (held[name] as boolean) : USUAL[name]);
  const size = typeof held.fontSize === "number" && held.fontSize > 0 ? held.fontSize : 0;
  return {
    theme: typeof held.theme === "string" ? held.theme : "",
    fontSize: size && Math.min(FONT_SIZES.most, Math.max(FONT_SIZES.least, Math.round(size * 2) / 2)),
    sound: flag("sound"),
    zoomKeys: flag("zoomKeys"),
    predict: flag("predict"),
  };
}

function load(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
