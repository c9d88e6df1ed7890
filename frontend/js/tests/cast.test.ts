import assert from "node:assert/strict";
import { test } from "node:test";

import { findInCast, readCast, resizeOf, stripper } from "../cast";

const V2 = `{"version":2,"width":100,"height":30,"title":"demo"}
[0.5,"o","$ "]
[1.0,"i","ls"]
[1.5,"o","ls\\r\\n"]
[2.0,"r","120x40"]
[2.5,"m","here"]
[3.0,"o","Hel\\u001b[31mlo\\u001b[0m"]
[3.5,"o","`;

test("version 2 counts from the beginning, and a line that is cut off is left out", () => {
  const cast = readCast(V2);
  assert.deepEqual(cast.size, { cols: 100, rows: 30 });
  assert.equal(cast.title, "demo");
  assert.deepEqual(cast.events.map((event) => [event.at, event.kind]), [[0.5, "output"], [1.5, "output"], [2, "resize"], [2.5, "mark"], [3, "output"]]);
  assert.equal(cast.seconds, 3);
});

test("version 3 counts from the event before", () => {
  const cast = readCast('{"version":3,"term":{"cols":90,"rows":20}}\n[0.5,"o","a"]\n[0.25,"i","x"]\n[0.25,"o","b"]\n# a remark\n[1,"x","0"]\n');
  assert.deepEqual(cast.size, { cols: 90, rows: 20 });
  assert.deepEqual(cast.events.map((event) => [event.at, event.data]), [[0.5, "a"], [1, "b"]]);
  assert.equal(cast.seconds, 2);
});

test("what is no recording is refused", () => {
  for (const text of ["", "{}", "[]", '{"version":1}', "hello"]) assert.throws(() => readCast(text));
});

test("a text is found when its last letter is there, colours and case apart", () => {
  const cast = readCast(V2);
  assert.deepEqual(findInCast(cast, "hello"), [3]);
  assert.deepEqual(findInCast(cast, "$ LS"), [1.5]);
  assert.deepEqual(findInCast(cast, "nowhere"), []);
  assert.deepEqual(findInCast(cast, ""), []);
});

test("a sequence in two pieces is taken out whole", () => {
  const strip = stripper();
  assert.equal(strip("a\x1b[3") + strip("1mb\x1b]0;title") + strip("\x07c\x1b") + strip("(Bd"), "abcd");
});

test("sizes are read, and nonsense is not", () => {
  assert.deepEqual(resizeOf("120x40"), { cols: 120, rows: 40 });
  for (const data of ["0x4", "x", "99999x1", "1x1x1"]) assert.equal(resizeOf(data), undefined);
});
