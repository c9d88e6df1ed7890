import assert from "node:assert/strict";
import { test } from "node:test";

import { awayWords } from "../away";
import { ImageBeginning } from "../images";
import { parseMark } from "../marks";
import { fontToFit } from "../scale";
import { read } from "../settings";

const bytes = (text: string) => new TextEncoder().encode(text);

test("the beginning of an image is seen, in one piece or two", () => {
  assert.ok(new ImageBeginning().isIn(bytes("text \x1bPq#0")));
  assert.ok(new ImageBeginning().isIn(bytes("\x1bP0;1;0q")));
  assert.ok(new ImageBeginning().isIn(bytes("\x1b]1337;File=inline=1:")));
  const cut = new ImageBeginning();
  assert.equal(cut.isIn(bytes("text \x1bP0;")), false);
  assert.ok(cut.isIn(bytes("1;0q#0")));
});

test("what is no image is left alone", () => {
  const plain = new ImageBeginning();
  for (const text of ["\x1b[31mred\x1b[0m", "\x1bP$q\"p\x1b\\", "\x1b]1337;SetMark\x07", "q", "\x1b", "[0q", "yes\n".repeat(1000)]) {
    assert.equal(plain.isIn(bytes(text)), false, JSON.stringify(text.slice(0, 20)));
  }
});

test("marks of shells are told apart", () => {
  assert.deepEqual(parseMark("A"), { kind: "prompt" });
  assert.deepEqual(parseMark("A;cl=m"), { kind: "prompt" });
  assert.deepEqual(parseMark("D;1"), { kind: "end", failed: true });
  assert.deepEqual(parseMark("D;0"), { kind: "end", failed: false });
  assert.deepEqual(parseMark("D"), { kind: "end", failed: false });
  assert.equal(parseMark("P;Cwd=/"), undefined);
});

test("letters grow and shrink with the place, within reason", () => {
  assert.equal(fontToFit(10, { width: 1000, height: 500 }, { width: 500, height: 500 }), 5);
  assert.equal(fontToFit(10, { width: 100, height: 100 }, { width: 5000, height: 5000 }), 22);
  assert.equal(fontToFit(10, { width: 5000, height: 100 }, { width: 100, height: 100 }), 4);
  assert.equal(fontToFit(10, { width: 0, height: 0 }, { width: 100, height: 100 }), 10);
});

test("settings of somebody else's are taken for none", () => {
  assert.deepEqual(read(null), { theme: "", fontSize: 0, sound: false, zoomKeys: true, predict: true });
  assert.deepEqual(read("{"), read(null));
  assert.deepEqual(read("null"), read(null));
  assert.equal(read('{"fontSize":500}').fontSize, 32);
  assert.equal(read('{"fontSize":"9","theme":3}').fontSize, 0);
  assert.equal(read('{"sound":true}').sound, true);
});

test("the mark says what becomes of what is typed", () => {
  assert.equal(awayWords(0, false), "Reconnecting…");
  assert.match(awayWords(3, false), /sent then/);
  assert.match(awayWords(3, true), /dropped/);
});
