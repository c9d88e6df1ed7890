// The bell: seen, and heard by whoever wants to.

import { settings } from "./settings";

const SEEN_MS = 160;
/// A program that rings without end is not heard without end.
const PAUSE_MS = 500;

let last = 0;
let audio: AudioContext | undefined;

/// Rings; false when it has rung a moment ago.
export function ring(host: HTMLElement): boolean {
  const now = performance.now();
  if (now - last < PAUSE_MS) return false;
  last = now;
  host.dataset.bell = "true";
  setTimeout(() => delete host.dataset.bell, SEEN_MS);
  if (settings().sound) sound();
  return true;
}

function sound(): void {
  audio ??= new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = 660;
  volume.gain.setValueAtTime(0.08, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.18);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.2);
}
