// Recordings as asciinema writes them (asciicast v2 and v3), read into events by absolute time. Pure.

export type CastSize = { cols: number; rows: number };
/// Output, a new size, or a place that somebody marked. What was typed is not played.
export type CastEvent = { at: number; kind: "output" | "resize" | "mark"; data: string };
export type Cast = { size: CastSize; title: string; events: CastEvent[]; seconds: number };

/// Reads a recording. A line that is cut off or of an unknown kind is left out, as the end of a recording that goes on may be.
export function readCast(text: string): Cast {
  const lines = text.split("\n");
  const header = object(lines[0]);
  const version = header?.version;
  if (header === undefined || (version !== 2 && version !== 3)) throw new Error("This is no asciicast of version 2 or 3.");
  const size = version === 3 ? sizeOf((header.term as Header | undefined) ?? {}) : { cols: number(header.width, 80), rows: number(header.height, 24) };
  const events: CastEvent[] = [];
  let seconds = 0;
  for (const line of lines.slice(1)) {
    const event = tuple(line);
    if (event === undefined) continue;
    const [time, code, data] = event;
    // Version 3 counts from the event before, version 2 from the beginning; a clock that went back stands still.
    seconds = version === 3 ? seconds + Math.max(0, time) : Math.max(seconds, time);
    const kind = KINDS[code];
    if (kind !== undefined) events.push({ at: seconds, kind, data });
  }
  return { size, title: typeof header.title === "string" ? header.title : "", events, seconds };
}

/// The size in a `resize` event; none when it is nonsense.
export function resizeOf(data: string): CastSize | undefined {
  const [, cols, rows] = data.match(/^(\d{1,4})x(\d{1,4})$/) ?? [];
  return cols && rows && Number(cols) > 0 && Number(rows) > 0 ? { cols: Number(cols), rows: Number(rows) } : undefined;
}

/// Where a text was printed, in seconds, in order: what the output says without its control sequences, letters of either case.
export function findInCast(cast: Cast, wanted: string): number[] {
  if (wanted === "") return [];
  const starts: { at: number; from: number }[] = [];
  let plain = "";
  const strip = stripper();
  for (const event of cast.events) {
    if (event.kind !== "output") continue;
    starts.push({ at: event.at, from: plain.length });
    plain += strip(event.data);
  }
  const found: number[] = [];
  const haystack = plain.toLowerCase();
  const needle = wanted.toLowerCase();
  let event = 0;
  for (let hit = haystack.indexOf(needle); hit >= 0; hit = haystack.indexOf(needle, hit + needle.length)) {
    // It can be seen once its last letter is there.
    const end = hit + needle.length - 1;
    while (event + 1 < starts.length && starts[event + 1]!.from <= end) event += 1;
    const at = starts[event]!.at;
    if (found.at(-1) !== at) found.push(at);
  }
  return found;
}

/// Takes control sequences out of text that comes in pieces; one that is cut in two is kept for the next piece.
export function stripper(): (text: string) => string {
  let rest = "";
  return (text) => {
    const whole = rest + text;
    const open = whole.match(UNFINISHED);
    rest = open === null || open[0].length > LONGEST_SEQUENCE ? "" : open[0];
    return whole.slice(0, whole.length - rest.length).replaceAll(SEQUENCE, "").replaceAll(CONTROL, "");
  };
}

type Header = Record<string, unknown>;
const KINDS: Record<string, CastEvent["kind"]> = { o: "output", r: "resize", m: "mark" };
const LONGEST_SEQUENCE = 4096;
const SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])/g;
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)$/;
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f]/g;

const number = (value: unknown, otherwise: number): number =>
  typeof value === "number" && Number.isInteger(value) && value > 0 && value < 10_000 ? value : otherwise;

const sizeOf = (term: Header): CastSize => ({ cols: number(term.cols, 80), rows: number(term.rows, 24) });

function object(line: string | undefined): Header | undefined {
  const value = json(line ?? "");
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Header) : undefined;
}

function tuple(line: string): [number, string, string] | undefined {
  if (!line.startsWith("[")) return undefined;
  const value = json(line);
  if (!Array.isArray(value)) return undefined;
  const [at, code, data] = value as unknown[];
  return typeof at === "number" && Number.isFinite(at) && typeof code === "string" && typeof data === "string" ? [at, code, data] : undefined;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
