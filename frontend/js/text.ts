// What is done to text on its way to the clipboard and from it. Pure.

/// Text as one line: what a program broke at the terminal's edge is joined as it was, other lines by a blank.
export function asOneLine(text: string, cols: number): string {
  const lines = text.split(/\r?\n/);
  return lines
    .reduce((joined, line, index) => {
      const full = index > 0 && lines[index - 1]!.length >= cols;
      return full ? joined + line : `${joined.trimEnd()} ${line.trimStart()}`;
    })
    .trim();
}

/// Lines that a paste would run one after the other: one, when a program takes the whole as text, or when there is but one.
export function linesToRun(text: string, bracketed: boolean): number {
  return bracketed ? 1 : text.trimEnd().split(/\r\n|\r|\n/).length;
}

/// Text as it is typed: line ends as the Enter key, and in brackets where the program asked for them. What could end the brackets
/// early, and anything else that only a program would send, is taken out of them.
export function asTyped(text: string, bracketed: boolean): string {
  const lines = text.replace(/\r?\n/g, "\r");
  return bracketed ? `\x1b[200~${lines.replaceAll("\x1b", "")}\x1b[201~` : lines;
}

/// The first lines of a text, for a person to see what it is.
export function glimpse(text: string, lines = 8, columns = 120): string {
  const all = text.trimEnd().split(/\r\n|\r|\n/);
  const shown = all.slice(0, lines).map((line) => (line.length > columns ? `${line.slice(0, columns)}…` : line));
  return (all.length > lines ? [...shown, `… and ${all.length - lines} more lines`] : shown).join("\n").replaceAll(/[\x00-\x09\x0b-\x1f\x7f]/g, "␣");
}

/// Base64 of UTF-8, as a program puts it into a request to copy; none when it is something else.
export function decodeBase64(data: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/// An address that a click may lead to; none when it is of another kind than a page or a letter.
export function safeTarget(uri: string): URL | undefined {
  if (!URL.canParse(uri)) return undefined;
  const url = new URL(uri);
  return ["http:", "https:", "mailto:"].includes(url.protocol) ? url : undefined;
}
