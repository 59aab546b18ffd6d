// How charts say things: numbers, moments, lengths of time.

const short = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 4 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, {
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

export const number = (value) => (Math.abs(value) >= 1e15 ? value.toExponential(3) : short.format(value));
export const tickNumber = (value) => (Math.abs(value) >= 1e15 ? value.toExponential(0) : compact.format(value));

/** Seconds with a sign: `+1 min 5 s`, `−0.4 s`. */
export function lateness(seconds) {
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? "−" : "+";
  if (size < 0.0005) return "0 s";
  if (size < 60) return `${sign}${short.format(Number(size.toPrecision(3)))} s`;
  if (size < 3600) return `${sign}${short.format(Number((size / 60).toPrecision(3)))} min`;
  return `${sign}${short.format(Number((size / 3600).toPrecision(3)))} h`;
}

export const moment = (seconds) => full.format(seconds * 1000);

/** Ticks of time: the clock, and at midnight the day. */
export function tickTime(seconds) {
  const at = new Date(seconds * 1000);
  return at.getHours() === 0 && at.getMinutes() === 0 ? day.format(at) : clock.format(at);
}
