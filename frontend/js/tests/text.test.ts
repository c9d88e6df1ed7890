import assert from "node:assert/strict";
import { test } from "node:test";

import { asOneLine, asTyped, decodeBase64, glimpse, linesToRun, safeTarget } from "../text";

test("copied as one line, full lines are joined as they were and others by a blank", () => {
  assert.equal(asOneLine("docker run \\\n  --rm busybox", 80), "docker run \\ --rm busybox");
  assert.equal(asOneLine("aaaaaaaaaa\nbbb\nc", 10), "aaaaaaaaaabbb c");
  assert.equal(asOneLine("one\r\n", 80), "one");
});

test("only what would run as several commands is asked about", () => {
  assert.equal(linesToRun("ls\n", false), 1);
  assert.equal(linesToRun("ls\r\nrm x\n", false), 2);
  assert.equal(linesToRun("ls\nrm x\n", true), 1);
});

test("a paste is typed as the Enter key types, and cannot end its own brackets", () => {
  assert.equal(asTyped("a\r\nb\nc", false), "a\rb\rc");
  assert.equal(asTyped("a\n\x1b[201~rm\n", true), "\x1b[200~a\r[201~rm\r\x1b[201~");
});

test("a large paste is whole", () => {
  const text = "0123456789abcde\n".repeat(655_360);
  const typed = asTyped(text, true);
  assert.equal(typed.length, text.length + 12);
});

test("a glimpse is short and shows control characters", () => {
  const long = Array.from({ length: 20 }, (_, n) => `line ${n}`).join("\n");
  assert.equal(glimpse(long).split("\n").length, 9);
  assert.match(glimpse(long), /… and 12 more lines$/);
  assert.equal(glimpse("a\x1b[31m"), "a␣[31m");
  assert.equal(glimpse("x".repeat(500)).length, 121);
});

test("what a program copies is text or nothing", () => {
  assert.equal(decodeBase64("aMOpbGxv"), "héllo");
  assert.equal(decodeBase64("?"), undefined);
  assert.equal(decodeBase64("/w=="), undefined, "no UTF-8");
});

test("links lead to pages and letters only", () => {
  for (const good of ["https://example.org/x", "http://127.0.0.1:8000", "mailto:a@b.c"]) assert.ok(safeTarget(good), good);
  for (const bad of ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "nothing", ""]) assert.equal(safeTarget(bad), undefined, bad);
});
