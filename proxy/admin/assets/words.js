// Words: numbers and times as people read them.

const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const short = new Intl.NumberFormat("en", {notation: "compact", maximumSignificantDigits: 3});
const exact = new Intl.NumberFormat("en", {maximumSignificantDigits: 3});

export const NONE = "–";

export const count = (value) => value < 100_000 ? whole.format(value) : short.format(value);

export const rate = (value) => value >= 1000 ? short.format(value) : exact.format(value);

export const percent = (share) => share == null ? NONE : `${(100 * share).toFixed(1)} %`;

/** Write bytes. */
export function size(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  for (; value >= 1000 && at < units.length - 1; at += 1) value /= 1000;
  return `${exact.format(value)} ${units[at]}`;
}

/** Write a latency given in seconds. */
export function latency(seconds) {
  if (seconds == null) return NONE;
  if (seconds >= 10) return "≥ 10 s";
  if (seconds >= 1) return `${exact.format(seconds)} s`;
  if (seconds >= 0.001) return `${exact.format(1000 * seconds)} ms`;
  return `${whole.format(1e6 * seconds)} µs`;
}

/** Write how long something took or takes, given in seconds. */
export function duration(seconds) {
  if (seconds < 60) return `${exact.format(seconds)} s`;
  if (seconds < 3600) return `${whole.format(seconds / 60)} min`;
  return `${exact.format(seconds / 3600)} h`;
}

/** Write the time of day of a moment, seconds since the epoch. */
export const clock = (seconds) => new Date(1000 * seconds).toLocaleTimeString("en-GB");

/** Write a moment that the API gave as text. */
export function moment(text) {
  const date = new Date(text), today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString("en-GB") : date.toLocaleString("en-GB");
}

/** Write a number with its noun. */
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;
