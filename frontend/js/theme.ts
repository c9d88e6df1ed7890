// The terminal's colours and font: those that the visitor chose, or those of the design tokens (static/css/tokens.css).

import type { ITheme } from "@xterm/xterm";

import { settings } from "./settings";
import { THEMES } from "./themes";

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

// The tokens are registered as colours with @property, so the computed value is the one that is in force: light or dark.
const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--term-${name}`).trim();

export function theme(): ITheme {
  const chosen = THEMES[settings().theme];
  // The page paints what the grid leaves free.
  document.documentElement.style.setProperty("--screen-background", chosen?.background ?? "var(--term-background)");
  return chosen ?? ours();
}

function ours(): ITheme {
  const colours: Record<string, string> = {};
  for (const name of COLOURS) {
    colours[name] = token(name);
    colours[`bright${name[0]!.toUpperCase()}${name.slice(1)}`] = token(`bright-${name}`);
  }
  return {
    ...colours,
    background: token("background"),
    foreground: token("foreground"),
    cursor: token("cursor"),
    cursorAccent: token("background"),
    selectionBackground: token("selection"),
    scrollbarSliderBackground: token("scrollbar"),
  };
}

export function fontFamily(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--font-mono").trim();
}

/// Calls back when light and dark change places, by the system's wish or by the page's own switch.
export function onThemeChange(changed: () => void): () => void {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const choice = new MutationObserver(changed);
  scheme.addEventListener("change", changed);
  choice.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    scheme.removeEventListener("change", changed);
    choice.disconnect();
  };
}
