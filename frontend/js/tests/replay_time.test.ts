import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, moment, nearest, step } from "../replay_time";

test("times are told as clocks do, and in links without zeros that say nothing", () => {
  assert.deepEqual([0, 65, 59.9999, 3665].map(clock), ["0:00", "1:05", "1:00", "1:01:05"]);
  assert.deepEqual([12.5, 3, 0.0504].map(moment), ["12.5", "3", "0.05"]);
});

test("keys stay within the recording", () => {
  assert.deepEqual(["ArrowLeft", "ArrowRight", "Home", "End", "x"].map((key) => step(key, 3, 6)), [0, 6, 0, 6, undefined]);
});

test("a search goes on, and begins anew after the last place", () => {
  assert.deepEqual([nearest([1, 2], 0), nearest([1, 2], 1), nearest([1, 2], 2), nearest([], 0)], [0, 1, 0, undefined]);
});
