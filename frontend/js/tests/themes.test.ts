// Everything that a program prints in a colour of its own can be read, in every theme.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { THEMES } from "../themes";

/// WCAG 2: what is read needs 4.5, what is looked at (the cursor) 3; text itself gets 7.
const [TEXT, COLOUR, CURSOR] = [7, 4.5, 3];
const HUES = ["red", "green", "yellow", "blue", "magenta", "cyan"];
const NAMES = [...HUES, ...HUES.map((hue) => `bright${hue[0]!.toUpperCase()}${hue.slice(1)}`), "brightBlack"];

type Colours = Record<string, string>;

const luminance = (colour: string): number => {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
};

export const contrast = (a: string, b: string): number => {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
};

function check(name: string, colours: Colours, names: string[]): void {
  const background = colours.background!;
  const least = (key: string, wanted: number, on = background) =>
    assert.ok(contrast(colours[key]!, on) >= wanted, `${name}: ${key} ${colours[key]} on ${on} is ${contrast(colours[key]!, on).toFixed(2)}`);
  least("foreground", TEXT);
  least("cursor", CURSOR);
  least("foreground", COLOUR, colours.selectionBackground ?? colours.selection);
  for (const key of names) least(key, COLOUR);
}

test("six themes or more, light ones and dark ones", () => {
  const light = Object.values(THEMES).filter((theme) => luminance(theme.background!) > 0.5);
  assert.ok(Object.keys(THEMES).length + 2 >= 6);
  assert.ok(light.length >= 2 && light.length < Object.keys(THEMES).length);
});

for (const [name, theme] of Object.entries(THEMES)) {
  test(`everything can be read in ${name}`, () => check(name, theme as Colours, NAMES));
}

test("everything can be read in the product's own colours, light and dark", () => {
  const css = readFileSync("static/css/tokens.css", "utf8");
  const own: [Colours, Colours] = [{}, {}];
  for (const [, name, light, dark] of css.matchAll(/--term-([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)) {
    own[0][name!] = light!;
    own[1][name!] = dark!;
  }
  assert.equal(Object.keys(own[0]).length, 21);
  const names = NAMES.map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
  check("Porthole light", own[0], names);
  check("Porthole dark", own[1], names);
});
