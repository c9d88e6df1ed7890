import assert from "node:assert/strict";
import { test } from "node:test";

import { keys, Predictor, type View } from "../predict";

/// A program at the other end of a slow line, and the screen that shows what has come back.
class Remote {
  readonly predictor = new Predictor();
  screen = [[..."$ "], []] as string[][];
  x = 2;
  line = 0;
  alternate = false;
  now = 0;

  constructor(
    readonly delay: number,
    readonly cols = 40,
  ) {}

  get view(): View {
    const { x, line, cols, alternate } = this;
    return { x, line, cols, alternate, cell: (x, line) => this.screen[line]?.[x] ?? " " };
  }

  type(text: string): void {
    this.predictor.typed(text, this.view, this.now);
  }

  /// A shell's echo of this arrives, a delay after it was typed.
  echo(text: string, waited = this.delay): void {
    this.now += waited;
    for (const key of text) {
      if (key === "\x7f") this.screen[this.line]![(this.x -= 1)] = " ";
      else this.screen[this.line]![this.x++] = key;
    }
    this.predictor.seen(this.view, this.now);
  }

  enter(prompt: string): void {
    this.now += this.delay;
    this.line += 1;
    this.screen[this.line] = [...prompt];
    this.x = prompt.length;
    this.predictor.seen(this.view, this.now);
  }

  /// One letter typed and echoed: this line is proven.
  proven(): this {
    this.type("l");
    this.echo("l");
    return this;
  }

  /// What a person sees: the screen with the guesses over it.
  get seen(): string {
    const cells = [...(this.screen[this.line] ?? [])];
    const overlay = this.predictor.overlay(this.view);
    if (overlay) [...overlay.text].forEach((char, index) => (cells[overlay.from + index] = char));
    return Array.from(cells, (cell) => cell ?? " ").join("").trimEnd();
  }

  get isDrawn(): boolean {
    return this.predictor.overlay(this.view) !== undefined;
  }
}

test("on a slow line letters are shown at once, when one of the line has been echoed", () => {
  const remote = new Remote(200);
  remote.type("l");
  assert.equal(remote.isDrawn, false, "not proven");
  remote.echo("l");
  remote.type("s -l");
  assert.equal(remote.seen, "$ ls -l");
  assert.equal(remote.predictor.overlay(remote.view)?.cursor, 7);
  remote.echo("s ");
  assert.equal(remote.seen, "$ ls -l", "half of it has come");
  remote.echo("-l");
  assert.equal(remote.isDrawn, false);
  assert.equal(remote.seen, "$ ls -l");
});

test("on a fast line nothing is drawn, and a line that becomes fast is one", () => {
  const fast = new Remote(10).proven();
  fast.type("s");
  assert.equal(fast.isDrawn, false);
  const slow = new Remote(200).proven();
  for (let n = 0; n < 20; n += 1) {
    slow.type("x");
    slow.echo("x", 5);
  }
  slow.type("y");
  assert.equal(slow.isDrawn, false);
});

test("nothing of a password is drawn, however the prompt looks", () => {
  const remote = new Remote(200).proven();
  remote.type("s\r");
  remote.echo("s");
  remote.enter("Password: ");
  remote.type("secret");
  assert.equal(remote.seen, "Password:");
  remote.now += 5_000;
  remote.predictor.tick(remote.view, remote.now);
  remote.type("more");
  assert.equal(remote.seen, "Password:");
  remote.type("\r");
  remote.enter("$ ");
  remote.proven();
  remote.type("s");
  assert.equal(remote.seen, "$ ls");
});

test("a password after letters in the same line is not drawn for long, nor again", () => {
  const remote = new Remote(200).proven();
  remote.type("x");
  assert.equal(remote.seen, "$ lx");
  // The echo is off now: nothing comes.
  remote.now += 5_000;
  remote.predictor.tick(remote.view, remote.now);
  assert.equal(remote.seen, "$ l");
  remote.type("yz");
  assert.equal(remote.seen, "$ l");
});

test("a wrong guess is undone by what comes", () => {
  const remote = new Remote(200).proven();
  remote.type("ab");
  assert.equal(remote.seen, "$ lab");
  // A program that shows stars.
  remote.echo("**");
  assert.equal(remote.isDrawn, false);
  assert.equal(remote.seen, "$ l**");
  remote.type("c");
  assert.equal(remote.seen, "$ l**");
});

test("what was typed is erased and moved in at once, and nothing before it", () => {
  const remote = new Remote(200).proven();
  remote.type("sx\x7f");
  assert.equal(remote.seen, "$ ls");
  remote.echo("sx\x7f");
  assert.equal(remote.seen, "$ ls");
  remote.type("\x1b[D\x1b[D");
  assert.equal(remote.predictor.overlay(remote.view)?.cursor, 2);
  remote.type("\x1b[D");
  assert.equal(remote.predictor.overlay(remote.view)?.cursor, 2, "the prompt is not ours");
});

test("in the middle of a line nothing is guessed", () => {
  const remote = new Remote(200).proven();
  remote.type("s");
  remote.echo("s");
  remote.type("\x1b[D");
  remote.x -= 1;
  remote.now += 200;
  remote.predictor.seen(remote.view, remote.now);
  remote.type("x");
  assert.equal(remote.isDrawn, false);
});

test("the last cell of a line, Tab, and what is wide or combines are the program's", () => {
  for (const key of ["\t", "漢", "\u0301", "🚀", "\x1b[A", "\x03"]) {
    const remote = new Remote(200).proven();
    remote.type(`${key}a`);
    assert.equal(remote.isDrawn, false, JSON.stringify(key));
  }
  const narrow = new Remote(200, 5).proven();
  narrow.type("abc");
  assert.equal(narrow.seen, "$ la");
});

test("another screen begins anew", () => {
  const remote = new Remote(200).proven();
  remote.alternate = true;
  remote.predictor.seen(remote.view, remote.now);
  remote.type("j");
  assert.equal(remote.isDrawn, false);
});

test("other output on the same line ends the guesses", () => {
  const remote = new Remote(200).proven();
  remote.type("a");
  remote.x = 30;
  remote.predictor.seen(remote.view, remote.now);
  assert.equal(remote.isDrawn, false);
});

test("however keys and echoes follow each other, what is drawn is gone when everything has come", () => {
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 500; round += 1) {
    const remote = new Remote(100 + random(200), 60).proven();
    let typed = "l";
    let way = "";
    for (let step = 0; step < 40; step += 1) {
      if (random(2) === 0 && typed.length < 50) {
        const key = random(4) === 0 && typed.length > 1 ? "\x7f" : String.fromCharCode(97 + random(26));
        remote.type(key);
        typed = key === "\x7f" ? typed.slice(0, -1) : typed + key;
        way += key;
        if (remote.isDrawn) assert.equal(remote.seen, `$ ${typed}`.trimEnd());
      } else {
        const count = random(way.length + 1);
        remote.echo(way.slice(0, count), random(300));
        way = way.slice(count);
      }
    }
    remote.echo(way);
    assert.equal(remote.seen, `$ ${typed}`);
    remote.now += 10_000;
    remote.predictor.tick(remote.view, remote.now);
    assert.equal(remote.isDrawn, false);
    assert.equal(remote.seen, `$ ${typed}`);
  }
});

test("what is typed is told apart key by key", () => {
  assert.deepEqual(keys("a\x1b[D\x1bOC\x1b[1;5C\x7f\x1bx漢"), ["a", "left", "right", "\x1b[1;5C", "\x7f", "\x1bx", "漢"]);
});
