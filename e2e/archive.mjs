// Archives for the specs, written here so that every byte of them is known.

import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";

/** Where Debian and others put a static busybox. */
const BUSYBOX = ["/bin/busybox", "/bin/busybox.static"];

/** A tar archive (POSIX ustar) of `{ path, mode, text | link | directory }`. */
export function tar(members) {
  const blocks = members.flatMap((member) => {
    const data = Buffer.from(member.text ?? "");
    return [header(member, data.length), data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function header({ path, mode, link, directory }, size) {
  const block = Buffer.alloc(512);
  const octal = (value, at, width) => block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at);
  block.write(path, 0);
  octal(mode ?? (directory ? 0o755 : 0o644), 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write("        ", 148);
  block.write(directory ? "5" : link ? "2" : "0", 156);
  if (link) block.write(link, 157);
  block.write("ustar\x0000", 257);
  octal(block.reduce((sum, byte) => sum + byte, 0), 148, 8);
  return block;
}

/** An image as `docker save` writes it: a base with a shell, then one layer for each further step. */
export function savedImage(name) {
  const steps = [
    { by: "/bin/sh -c #(nop) ADD file:base in / ", members: base() },
    { by: "/bin/sh -c #(nop)  ENV KIND=sample" },
    {
      by: "COPY . /app # buildkit",
      members: [
        { path: "app", directory: true },
        { path: "app/poem.txt", text: "first line\nsecond line\n" },
        { path: "app/old.txt", text: "soon gone\n" },
        { path: "app/data.bin", text: Buffer.from([0, 1, 2, 3, 254, 255]) },
      ],
    },
    { by: "RUN /bin/sh -c rm /app/old.txt # buildkit", members: [{ path: "app", directory: true }, { path: "app/.wh.old.txt" }] },
  ];
  const layers = steps.filter((step) => step.members).map((step) => tar(step.members));
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["sh"], WorkingDir: "/app", Env: ["PATH=/bin", "KIND=sample"] },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${createHash("sha256").update(layer).digest("hex")}`) },
    history: steps.map((step) => ({ created_by: step.by, empty_layer: !step.members })),
  });
  const files = layers.map((layer, index) => ({ path: `${index}.tar`, text: layer }));
  const manifest = JSON.stringify([{ Config: "config.json", RepoTags: [name], Layers: files.map((file) => file.path) }]);
  return tar([...files, { path: "config.json", text: config }, { path: "manifest.json", text: manifest }]);
}

function base() {
  const busybox = BUSYBOX.map(read).find(Boolean);
  const applets = ["sh", "cat", "ls", "rm", "touch", "mkdir", "echo", "id", "clear"];
  return [
    ...["bin", "dev", "etc", "proc", "root", "sys", "tmp"].map((path) => ({ path, directory: true })),
    { path: "bin/busybox", mode: 0o755, text: busybox },
    ...applets.map((applet) => ({ path: `bin/${applet}`, link: "busybox", mode: 0o777 })),
    { path: "etc/passwd", text: "root:x:0:0:root:/root:/bin/sh\n" },
    { path: "etc/motd", text: "welcome\n" },
  ];
}

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}

/** A picture of so many red pixels. */
export function png(width, height) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const row = Buffer.concat([Buffer.alloc(1), ...Array.from({ length: width }, () => Buffer.from([200, 30, 30]))]);
  const data = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

/** Whether a program can be started. */
export function isInstalled(program) {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}
