// The settings of all terminals. Loaded when they are first opened.

import { button, make } from "./element";
import { change, FONT_SIZES, fontSize, settings } from "./settings";
import { THEMES } from "./themes";

const OWN = "Porthole";

export function openSettings(host: HTMLElement, closed: () => void): void {
  const dialog = make("dialog", { class: "dialog", attributes: { "aria-labelledby": "terminal-settings" } });
  const close = () => dialog.close();
  dialog.append(
    make(
      "header",
      { class: "dialog-head" },
      make("h2", { class: "dialog-title", text: "Terminal settings", attributes: { id: "terminal-settings" } }),
      button("Close", "✕", close, "icon-button"),
    ),
    themes(),
    size(),
    toggle("Ctrl with +, − and 0 changes the size of letters", "zoomKeys"),
    toggle("The bell can be heard", "sound"),
    toggle("Show what is typed at once where the program is far away", "predict"),
  );
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  host.append(dialog);
  dialog.showModal();
}

function themes(): HTMLElement {
  const names = ["", ...Object.keys(THEMES)];
  return make(
    "fieldset",
    { class: "theme-list" },
    make("legend", { class: "dialog-label", text: "Colours" }),
    ...names.map((name) => {
      const input = make("input", { attributes: { type: "radio", name: "terminal-theme", value: name } });
      input.checked = settings().theme === name;
      input.addEventListener("change", () => change({ theme: name }));
      return make("label", { class: "theme" }, input, swatch(name), make("span", { text: name || OWN }));
    }),
  );
}

/// What the colours look like: a prompt, a word that is wrong, one that is right.
function swatch(name: string): HTMLElement {
  const colours = THEMES[name];
  const from = (key: "background" | "foreground" | "green" | "red" | "blue") => colours?.[key] ?? `var(--term-${key})`;
  const sample = make("span", { class: "theme-sample", attributes: { "aria-hidden": "true" } });
  sample.style.background = from("background");
  for (const [text, key] of [["~ #", "blue"], ["ls", "foreground"], ["ok", "green"], ["no", "red"]] as const) {
    const word = make("span", { text });
    word.style.color = from(key);
    sample.append(word, " ");
  }
  return sample;
}

function size(): HTMLElement {
  const input = make("input", {
    attributes: { type: "range", min: String(FONT_SIZES.least), max: String(FONT_SIZES.most), step: "0.5", value: String(fontSize()), id: "terminal-font" },
  });
  const shown = make("output", { text: `${fontSize()} px`, attributes: { for: "terminal-font" } });
  input.addEventListener("input", () => {
    change({ fontSize: Number(input.value) });
    shown.textContent = `${fontSize()} px`;
  });
  return make("p", { class: "setting" }, make("label", { class: "dialog-label", text: "Size of letters", attributes: { for: "terminal-font" } }), input, shown);
}

function toggle(words: string, name: "sound" | "zoomKeys" | "predict"): HTMLElement {
  const input = make("input", { attributes: { type: "checkbox" } });
  input.checked = settings()[name];
  input.addEventListener("change", () => change({ [name]: input.checked }));
  return make("label", { class: "setting" }, input, make("span", { text: words }));
}
