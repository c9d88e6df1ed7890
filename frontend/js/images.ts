// Images in the terminal: sixel and iTerm's. The add-on that draws them is loaded when the first one is about to come.

import type { Terminal as Emulator } from "@xterm/xterm";

/// Megabytes that the images of one terminal may take; the oldest go first.
const STORAGE_MB = 32;
/// Pixels of one image.
const PIXELS = 4_194_304;
/// Bytes that one image may take on its way, in base64 or as sixels.
const ENCODED_BYTES = 8_000_000;
/// What a terminal with sixels answers who asks what it is. Programs send images to such terminals only.
const ATTRIBUTES = "\x1b[?62;4;9;22c";

/// How long the decoder may take to be compiled, and how often one looks, in milliseconds.
const [COMPILED_WITHIN_MS, LOOK_EVERY_MS] = [2_000, 10];
/// The part of the add-on that says whether it has.
type Inside = { _handlers?: Map<string, { _dec?: unknown }> };

const ESC = 0x1b;
/// The longest beginning of an image that may be cut in two: `ESC P`, three numbers, `q`.
const TAIL = 24;
const decoder = new TextDecoder("latin1");

export class ImageWatch {
  readonly #emulator: Emulator;
  readonly #beginning = new ImageBeginning();
  isLoaded = false;

  constructor(emulator: Emulator) {
    this.#emulator = emulator;
    emulator.parser.registerCsiHandler({ final: "c" }, (params) => {
      if ((params[0] ?? 0) === 0) emulator.input(ATTRIBUTES, false);
      return true;
    });
  }

  /// Something to wait for before these bytes are parsed; nothing, nearly always.
  load(bytes: Uint8Array): Promise<void> | undefined {
    if (this.isLoaded || !this.#beginning.isIn(bytes)) return undefined;
    this.isLoaded = true;
    // Without the add-on an image is left out, as it would be in a terminal without images.
    return this.#load().catch(() => undefined);
  }

  async #load(): Promise<void> {
    const { ImageAddon } = await import("@xterm/addon-image");
    const addon = new ImageAddon({ storageLimit: STORAGE_MB, pixelLimit: PIXELS, sixelSizeLimit: ENCODED_BYTES, iipSizeLimit: ENCODED_BYTES });
    this.#emulator.loadAddon(addon);
    // Its decoder of sixels is compiled meanwhile, which it does not tell; an image that came earlier would be lost.
    const handlers = (addon as unknown as Inside)._handlers;
    for (let waited = 0; handlers?.get("sixel")?._dec === undefined && waited < COMPILED_WITHIN_MS; waited += LOOK_EVERY_MS) {
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    }
  }
}

/// Finds the beginning of an image in bytes that come in pieces.
export class ImageBeginning {
  #tail = "";

  isIn(bytes: Uint8Array): boolean {
    const wasOpen = this.#tail !== "";
    const escape = bytes.lastIndexOf(ESC);
    let found = false;
    if (wasOpen || escape >= 0) {
      const text = this.#tail + decoder.decode(wasOpen ? bytes : bytes.subarray(bytes.indexOf(ESC)));
      found = /\x1b(?:P[\d;]*q|\]1337;(?:File|MultipartFile))/.test(text);
      const last = text.slice(-TAIL).lastIndexOf("\x1b");
      this.#tail = last < 0 ? "" : text.slice(-TAIL).slice(last);
    }
    return found;
  }
}
