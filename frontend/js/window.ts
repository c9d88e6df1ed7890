// What the page asks of the browser's window and Rust's bindings do not offer, or only at a price. `frontend/src/interop/window.rs`
// declares the same functions and is their only caller.

type Keyboard = { lock(codes?: string[]): Promise<void> };

/// Gives a page in full screen the keys that the browser takes otherwise, Ctrl+W and Ctrl+T among them. Escape, held, still ends it.
export function lockKeyboard(): void {
  (navigator as { keyboard?: Keyboard }).keyboard?.lock?.().catch(() => undefined);
}

/// Asks before the page is left by a key that is pressed in a terminal with Ctrl held: by Ctrl+W, most likely, which deletes a word
/// in a shell. Any other way out asks nothing, since terminals come back after a reload.
export function guardShell(): void {
  let held = false;
  const watch = (event: KeyboardEvent) => (held = event.ctrlKey || event.metaKey);
  addEventListener("keydown", watch, true);
  addEventListener("keyup", watch, true);
  addEventListener("blur", () => (held = false));
  addEventListener("beforeunload", (event) => {
    const terminal = document.activeElement?.matches(".xterm-helper-textarea") ?? false;
    if (held && terminal) event.preventDefault();
    held = false;
  });
}

/// Puts text on the clipboard; false when the browser does not let the page.
export async function copy(text: string): Promise<boolean> {
  return navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
}
