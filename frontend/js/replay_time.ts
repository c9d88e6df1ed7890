// Times of a recording that plays, in seconds. Pure.

/// How far an arrow key goes.
const STEP = 5;

/// `1:05`, `1:01:05`.
export function clock(seconds: number): string {
  const whole = Math.floor(seconds + 0.0005);
  const two = (part: number) => String(part).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/// A moment as it stands in a link: without zeros that say nothing.
export function moment(seconds: number): string {
  return String(Math.round(seconds * 1000) / 1000);
}

/// Where a key goes from here; undefined when it goes nowhere.
export function step(key: string, at: number, length: number): number | undefined {
  switch (key) {
    case "ArrowLeft":
    case "ArrowDown":
      return Math.max(0, at - STEP);
    case "ArrowRight":
    case "ArrowUp":
      return Math.min(length, at + STEP);
    case "Home":
      return 0;
    case "End":
      return length;
    default:
      return undefined;
  }
}

/// Which of some times comes next after this one; the first when none does.
export function nearest(times: number[], after: number): number | undefined {
  if (times.length === 0) return undefined;
  return Math.max(0, times.findIndex((time) => time > after + 0.001));
}
