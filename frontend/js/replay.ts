// A recording on the page: the screen, and the controls below it. Loaded when the first one is opened.

import type { ITerminalOptions, Terminal as Emulator } from "@xterm/xterm";

import { button, make } from "./element";
import { Player } from "./player";
import { clock, moment, nearest, step } from "./replay_time";
import { copy } from "./window";

const SPEEDS = [0.5, 1, 1.5, 2, 4];
/// The longest pauses that are played, in seconds; 0 plays all of them in full.
const PAUSES = [0, 5, 2, 1];

export class Replay {
  readonly #player: Player;
  readonly #host: HTMLElement;
  readonly #link: string;
  readonly #play = button("Play", "Play", () => this.#toggle(), "button button-accent replay-play");
  readonly #range = make("input", { class: "replay-range", attributes: { type: "range", min: "0", step: "0.01", "aria-label": "Time" } });
  readonly #clock = make("span", { class: "replay-clock" });
  readonly #found = make("span", { class: "quiet", attributes: { role: "status" } });
  readonly #note = make("span", { class: "quiet", attributes: { role: "status" } });
  #time = 0;
  #playing = false;

  /// `link` is the recording's address, to which a moment is added; empty where it has none.
  constructor(Screen: typeof Emulator, host: HTMLElement, options: ITerminalOptions, text: string, at: number, link: string) {
    this.#host = host;
    this.#link = link;
    const screen = make("div", { class: "replay-screen" });
    host.append(screen);
    this.#player = new Player(Screen, screen, options, text, (seconds, playing) => this.#tick(seconds, playing));
    this.#range.max = String(this.#player.duration);
    this.#range.addEventListener("input", () => void this.#player.seek(Number(this.#range.value)));
    this.#range.addEventListener("keydown", (event) => this.#key(event));
    screen.addEventListener("click", () => getSelection()?.isCollapsed !== false && this.#toggle());
    host.append(
      make("div", { class: "replay-controls", attributes: { role: "group", "aria-label": "Replay" } }, this.#play, this.#range, this.#clock),
      make(
        "div",
        { class: "replay-controls" },
        choice("Speed", SPEEDS, 1, (speed) => `${speed}×`, (speed) => this.#player.setSpeed(speed)),
        choice("Pauses", PAUSES, 0, (most) => (most === 0 ? "in full" : `${most} s at most`), (most) => this.#player.setIdleCap(most)),
        this.#search(),
        button("Copy the selection, or the screen", "Copy", () => this.#player.copy()),
        ...(link === "" ? [] : [button("Link to this moment", "Link to this moment", () => void this.#copyLink())]),
        this.#note,
      ),
    );
    void this.#player.seek(at);
  }

  dispose(): void {
    this.#player.dispose();
    this.#host.replaceChildren();
  }

  #toggle(): void {
    if (this.#playing) this.#player.pause();
    else this.#player.play();
  }

  #tick(seconds: number, playing: boolean): void {
    this.#time = seconds;
    this.#playing = playing;
    this.#play.textContent = playing ? "Pause" : "Play";
    this.#range.value = String(seconds);
    const [now, whole] = [clock(seconds), clock(Number(this.#range.max))];
    this.#range.setAttribute("aria-valuetext", `${now} of ${whole}`);
    this.#clock.textContent = `${now} / ${whole}`;
  }

  #key(event: KeyboardEvent): void {
    const to = step(event.key, this.#time, Number(this.#range.max));
    if (event.key === " ") this.#toggle();
    else if (to !== undefined) void this.#player.seek(to);
    else return;
    event.preventDefault();
  }

  #search(): HTMLElement {
    const field = make("input", { class: "field", attributes: { type: "search", placeholder: "Find", "aria-label": "Find in the recording" } });
    const form = make("form", { class: "replay-choice", attributes: { role: "search" } }, field, this.#found);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const hits = this.#player.search(field.value);
      const next = nearest(hits, this.#time);
      this.#found.textContent = next === undefined ? "nowhere" : `${next + 1} of ${hits.length}`;
      if (next === undefined) return;
      this.#player.pause();
      void this.#player.seek(hits[next]!);
    });
    return form;
  }

  async #copyLink(): Promise<void> {
    const link = `${this.#link}&t=${moment(this.#time)}`;
    this.#note.textContent = (await copy(link)) ? "Copied" : link;
  }
}

function choice(name: string, values: number[], first: number, words: (value: number) => string, act: (value: number) => void): HTMLElement {
  const options = values.map((value) => make("option", { text: words(value), attributes: { value: String(value) } }));
  const select = make("select", { class: "field" }, ...options);
  select.value = String(first);
  select.addEventListener("change", () => act(Number(select.value)));
  return make("label", { class: "replay-choice", text: `${name} ` }, select);
}
