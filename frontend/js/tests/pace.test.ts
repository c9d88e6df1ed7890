import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "../pace";

const KIB = 1024;

/// Draws so many bytes in a millisecond for so long; answers with what was asked for, and how much may be under way then.
function draw(pace: Pace, speed: number, milliseconds: number, under: number, from = 0): number {
  pace.given(under, from);
  const piece = speed * 10;
  for (let now = from; now < from + milliseconds; now += 10) {
    const due = pace.drawn(Math.min(piece, under), now + 10);
    under -= Math.min(piece, under);
    under += due;
    pace.given(due, now + 10);
  }
  return under;
}

test("what is drawn quickly may come as it can", () => {
  assert.equal(draw(new Pace(), 8 * KIB, 3_000, 512 * KIB), 512 * KIB);
});

test("what takes long to draw comes in smaller portions, but never stops", () => {
  assert.equal(draw(new Pace(), 0.8 * KIB, 5_000, 512 * KIB), 200 * KIB);
  assert.equal(draw(new Pace(), 0.125 * KIB, 60_000, 512 * KIB), 128 * KIB);
});

test("some bytes now and then are asked for again at once", () => {
  const pace = new Pace();
  for (let now = 0; now < 60_000; now += 1_000) {
    pace.given(10, now);
    assert.equal(pace.drawn(10, now + 17), 10);
  }
});

test("a new connection begins with as much as ever", () => {
  const pace = new Pace();
  draw(pace, 0.8 * KIB, 5_000, 512 * KIB);
  pace.begin();
  assert.equal(draw(pace, 8 * KIB, 3_000, 512 * KIB, 5_000), 512 * KIB);
});
