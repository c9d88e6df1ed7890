// Draws what the program will echo, on slow lines, over the screen. Loaded when a slow line is met; the guesses are predict.ts's.

import type { IDisposable, Terminal as Emulator } from "@xterm/xterm";

import { make } from "./element";
import { type Overlay, Predictor, type View } from "./predict";

const TICK_MS = 250;

export class Echo {
  readonly #emulator: Emulator;
  readonly #predictor = new Predictor();
  readonly #layer = make("div", { class: "terminal-guess", attributes: { "aria-hidden": "true" } });
  readonly #listeners: IDisposable[];
  #clock: number | undefined;

  constructor(emulator: Emulator) {
    this.#emulator = emulator;
    this.#layer.hidden = true;
    emulator.element?.querySelector(".xterm-screen")?.append(this.#layer);
    const draw = () => this.#draw();
    this.#listeners = [
      emulator.onWriteParsed(() => {
        this.#predictor.seen(this.#view(), performance.now());
        this.#draw();
      }),
      emulator.onScroll(draw),
      emulator.onResize(draw),
    ];
  }

  /// The visitor typed, and it was sent.
  typed(text: string): void {
    this.#predictor.typed(text, this.#view(), performance.now());
    this.#draw();
    this.#clock ??= window.setInterval(() => this.#tick(), TICK_MS);
  }

  dispose(): void {
    clearInterval(this.#clock);
    for (const listener of this.#listeners) listener.dispose();
    this.#layer.remove();
  }

  #tick(): void {
    this.#predictor.tick(this.#view(), performance.now());
    this.#draw();
    if (this.#predictor.isWaiting) return;
    clearInterval(this.#clock);
    this.#clock = undefined;
  }

  #view(): View {
    const { buffer, cols } = this.#emulator;
    const active = buffer.active;
    return {
      x: active.cursorX,
      line: active.baseY + active.cursorY,
      cols,
      alternate: active.type === "alternate",
      cell: (x, line) => active.getLine(line)?.getCell(x)?.getChars() || " ",
    };
  }

  #draw(): void {
    const overlay = this.#predictor.overlay(this.#view());
    const row = overlay ? overlay.line - this.#emulator.buffer.active.viewportY : -1;
    this.#layer.hidden = overlay === undefined || row < 0 || row >= this.#emulator.rows;
    if (overlay && !this.#layer.hidden) this.#fill(overlay, row);
  }

  #fill(overlay: Overlay, row: number): void {
    const screen = this.#layer.parentElement!;
    const { cols, rows, options } = this.#emulator;
    const [width, height] = [screen.clientWidth / cols, screen.clientHeight / rows];
    const { style } = this.#layer;
    style.translate = `${overlay.from * width}px ${row * height}px`;
    style.font = `${options.fontSize}px/${height}px ${options.fontFamily}`;
    style.color = options.theme?.foreground ?? "";
    style.background = options.theme?.background ?? "";
    const end = Math.max(overlay.text.length, overlay.cursor - overlay.from + 1);
    const cells = Array.from({ length: end }, (_, index) => {
      const cell = make("span", { text: overlay.text[index] ?? " " });
      cell.style.inlineSize = `${width}px`;
      if (overlay.from + index === overlay.cursor) cell.dataset.cursor = "true";
      return cell;
    });
    this.#layer.replaceChildren(...cells);
  }
}

