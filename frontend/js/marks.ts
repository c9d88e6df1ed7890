// Marks that shells send (OSC 133, as in FinalTerm; 633, as in VS Code; 1337, as in iTerm): where prompts are, and how commands ended.

import type { IDisposable, IMarker, Terminal as Emulator } from "@xterm/xterm";

/// Marks that are kept; older ones go, as their lines will.
const MOST = 2_000;

export class Marks {
  readonly #emulator: Emulator;
  readonly #prompts: IMarker[] = [];
  readonly #handlers: IDisposable[];

  constructor(emulator: Emulator) {
    this.#emulator = emulator;
    const shell = (data: string) => this.#shell(data);
    this.#handlers = [
      emulator.parser.registerOscHandler(133, shell),
      emulator.parser.registerOscHandler(633, shell),
      emulator.parser.registerOscHandler(1337, (data) => {
        if (data !== "SetMark") return false;
        this.#prompt();
        return true;
      }),
    ];
  }

  /// Scrolls to the prompt before what is shown, or after it; false when there is none.
  step(backwards: boolean): boolean {
    const top = this.#emulator.buffer.active.viewportY;
    const lines = this.#prompts.map((mark) => mark.line).filter((line) => line >= 0);
    const line = backwards ? lines.findLast((one) => one < top) : lines.find((one) => one > top);
    if (line === undefined) return false;
    this.#emulator.scrollToLine(line);
    return true;
  }

  dispose(): void {
    for (const handler of this.#handlers) handler.dispose();
  }

  #shell(data: string): boolean {
    const mark = parseMark(data);
    if (mark === undefined) return false;
    if (mark.kind === "prompt") this.#prompt();
    if (mark.kind === "end" && mark.failed) this.#fail();
    return true;
  }

  #prompt(): void {
    if (this.#emulator.buffer.active.type === "alternate") return;
    const marker = this.#emulator.registerMarker(0);
    // A prompt that is drawn again, after a resize, is the same prompt.
    if (this.#prompts.at(-1)?.line === marker.line) return marker.dispose();
    this.#prompts.push(marker);
    if (this.#prompts.length > MOST) this.#prompts.shift()?.dispose();
  }

  #fail(): void {
    const marker = this.#prompts.at(-1);
    if (marker === undefined || marker.isDisposed) return;
    const decoration = this.#emulator.registerDecoration({ marker, x: 0, width: 1, layer: "top" });
    decoration?.onRender((element) => {
      element.classList.add("terminal-failed");
      element.title = "This command failed.";
    });
  }
}

/// What a mark says; none when it is of another kind. `A` begins a prompt, `D` ends a command, with its status where known.
export function parseMark(data: string): { kind: "prompt" } | { kind: "end"; failed: boolean } | undefined {
  const [kind, status] = data.split(";");
  if (kind === "A") return { kind: "prompt" };
  if (kind === "D") return { kind: "end", failed: status !== undefined && /^[1-9]\d*$/.test(status) };
  return kind === "B" || kind === "C" ? { kind: "end", failed: false } : undefined;
}
