// Debian's docker-registry on loopback, filled by skopeo.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isInstalled } from "./archive.mjs";
import { until } from "./page.mjs";

/** Why the specs that need a registry cannot run here; false when they can. */
export const lacking = ["docker-registry", "skopeo"].every(isInstalled) ? false : "needs docker-registry and skopeo";

export class Registry {
  /** `127.0.0.1:PORT`, which begins the names of its images. */
  host = "";
  #directory = "";
  #process = null;

  static async start() {
    const registry = new Registry();
    registry.#directory = await mkdtemp(join(tmpdir(), "porthole-registry-"));
    registry.host = `127.0.0.1:${await freePort()}`;
    const config = join(registry.#directory, "config.yml");
    const storage = join(registry.#directory, "storage");
    await writeFile(
      config,
      `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${storage} } }\nhttp: { addr: "${registry.host}" }\n`,
    );
    registry.#process = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
    await until("the registry", () => fetch(`http://${registry.host}/v2/`).then((answer) => answer.ok, () => false));
    return registry;
  }

  /** Puts the image of an archive made by `savedImage` into it, and answers with its full name. */
  async add(archive, name) {
    const file = join(this.#directory, "image.tar");
    await writeFile(file, archive);
    const full = `${this.host}/${name}`;
    const words = ["--insecure-policy", "copy", "--dest-tls-verify=false", `docker-archive:${file}`, `docker://${full}`];
    await promisify(execFile)("skopeo", words);
    return full;
  }

  async stop() {
    const ended = once(this.#process, "exit");
    this.#process.kill();
    await ended;
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
