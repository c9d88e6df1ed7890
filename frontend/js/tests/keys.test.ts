import assert from "node:assert/strict";
import { test } from "node:test";

import { keyBytes, withHeld } from "../keys";

const NONE = { ctrl: false, alt: false };

test("arrows are those of the mode, with what is held", () => {
  assert.equal(keyBytes("up", NONE, false), "\x1b[A");
  assert.equal(keyBytes("up", NONE, true), "\x1bOA");
  assert.equal(keyBytes("left", { ctrl: true, alt: false }, true), "\x1b[1;5D");
  assert.equal(keyBytes("page-down", NONE, false), "\x1b[6~");
  assert.equal(keyBytes("tab", NONE, false), "\t");
  assert.equal(keyBytes("escape", NONE, false), "\x1b");
});

test("a held Control makes control characters of letters", () => {
  const ctrl = { ctrl: true, alt: false };
  assert.equal(withHeld("c", ctrl), "\x03");
  assert.equal(withHeld("C", ctrl), "\x03");
  assert.equal(withHeld("[", ctrl), "\x1b");
  assert.equal(withHeld(" ", ctrl), "\0");
  assert.equal(withHeld("1", ctrl), "1");
  assert.equal(withHeld("x", { ctrl: false, alt: true }), "\x1bx");
  assert.equal(withHeld("composed", ctrl), "composed");
});
