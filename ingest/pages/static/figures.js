// How charts say things: numbers, moments, lengths of time.

const short = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, {
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

export const number = (value) => (Math.abs(value) >= 1e15 ? value.toExponential(3) : short.format(value));

/** As many digits as tell a value from its neighbours a step away. */
function digits(value, step, least) {
  const wanted = Math.floor(Math.log10(Math.abs(value) || step)) - Math.floor(Math.log10(step)) + 2;
  return Math.min(15, Math.max(least, wanted));
}

export function tickNumber(value, step) {
  const many = digits(value, step, 4);
  if (Math.abs(value) >= 1e15) return value.toExponential(many > 4 ? many - 1 : 0);
  return value.toLocaleString(undefined, { notation: "compact", maximumSignificantDigits: many });
}

/** Seconds with a sign: `+1.08 min`, `−0.4 s`. */
export const lateness = (seconds) => signed(seconds, 3);
export const tickLateness = (seconds, step) => signed(seconds, digits(seconds, step, 3));

function signed(seconds, many) {
  const size = Math.abs(seconds);
  if (size < 0.0005) return "0 s";
  const [unit, name] = size < 60 ? [1, "s"] : size < 3600 ? [60, "min"] : [3600, "h"];
  const text = (size / unit).toLocaleString(undefined, { maximumSignificantDigits: many });
  return `${seconds < 0 ? "−" : "+"}${text} ${name}`;
}

export const moment = (seconds) => full.format(seconds * 1000);

/** Ticks of time: the clock, and at midnight the day. */
export function tickTime(seconds) {
  const at = new Date(seconds * 1000);
  return at.getHours() === 0 && at.getMinutes() === 0 ? day.format(at) : clock.format(at);
}
