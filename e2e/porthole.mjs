// The program under test: the real one, on a free port, with a state directory of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const program = process.env.PORTHOLE;
if (!program) throw new Error("PORTHOLE must name the program; `cargo xtask test --only e2e` sets it");

export class Porthole {
  /** Where the page is. */
  url = "";
  /** What it has printed, for a failing spec. */
  log = [];
  /** 0 asks for a free one; from the first start on it stays the same. */
  #port = 0;
  #state = "";
  #options = [];
  #process = null;

  /** With what its configuration file is to say, if anything. */
  static async start(config = "") {
    const porthole = new Porthole();
    porthole.#state = await mkdtemp(join(tmpdir(), "porthole-e2e-"));
    if (config) {
      const file = join(porthole.#state, "porthole.toml");
      await writeFile(file, config);
      porthole.#options = ["--config", file];
    }
    await porthole.startAgain();
    return porthole;
  }

  /** Starts it once more on the same port with the same state. */
  async startAgain() {
    const child = spawn(program, ["serve", "--listen", `127.0.0.1:${this.#port}`, "--state", this.#state, ...this.#options], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    const address = withResolvers();
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.log.push(line);
        const found = line.match(/http:\/\/\S+/);
        if (found) address.resolve(found[0]);
      });
    }
    child.once("exit", (code, signal) =>
      address.reject(new Error(`porthole serve ended (${code ?? signal}):\n${this.log.join("\n")}`)),
    );
    this.url = await address.promise;
    this.#port = new URL(this.url).port;
  }

  /** The agent dies without a chance to say goodbye; launcher and containers live on. */
  async killAgent() {
    await this.#end("SIGKILL");
  }

  /** A spec that failed between a death and a new start leaves it dead: containers live on, and must be ended. */
  async ensureAlive() {
    if (!this.#isAlive) await this.startAgain();
  }

  /** Ends it and every container. */
  async stop() {
    await this.ensureAlive();
    await this.#end("SIGTERM");
    await rm(this.#state, { recursive: true, force: true });
  }

  get #isAlive() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async #end(signal) {
    if (!this.#isAlive) return;
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    await ended;
  }
}

/** Promise.withResolvers, which Node.js 20 lacks. */
function withResolvers() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
