// Figures: sums over what /v1/history counted. Pure: values in, values out.

export const OUTCOMES = ["hit", "stale", "validated", "miss", "error", "bypass"];
const FROM_CACHE = ["hit", "stale"];

export const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

/** Return so much in so long, a second; 0 where no time has passed. */
export const perSecond = (count, seconds) => seconds > 0 ? count / seconds : 0;

/** Return the share of hits in what may be cached, or null where nothing may be. */
export function hitRatio(counts) {
  const cacheable = sum(OUTCOMES.filter((name) => name !== "bypass").map((name) => counts[name] ?? 0));
  return cacheable ? sum(FROM_CACHE.map((name) => counts[name] ?? 0)) / cacheable : null;
}

/** Return the counts by outcome of one interval of a history. */
export function interval(history, at) {
  return Object.fromEntries(Object.entries(history.outcomes).map(([name, counts]) => [name, counts[at]]));
}

/** Return the counts by outcome of everything in a window, and of each rule. */
export function byOutcome(requests) {
  const all = {}, rules = new Map();
  for (const {rule, outcome, count} of requests) {
    const own = rules.get(rule) ?? rules.set(rule, {}).get(rule);
    own[outcome] = (own[outcome] ?? 0) + count;
    all[outcome] = (all[outcome] ?? 0) + count;
  }
  return {all, rules: [...rules].sort(([, a], [, b]) => total(b) - total(a))};
}

/** Return how many requests there were. */
export const total = (counts) => sum(Object.values(counts));

/** Return a history in at most so many intervals, neighbours taken together. */
export function coarser(history, most) {
  const intervals = history.times.length - 1, step = Math.ceil(intervals / most);
  const starts = Array.from({length: Math.ceil(intervals / step)}, (_, at) => at * step);
  return {
    times: [...starts.map((at) => history.times[at]), history.times[intervals]],
    outcomes: Object.fromEntries(Object.entries(history.outcomes).map(
      ([name, counts]) => [name, starts.map((at) => sum(counts.slice(at, at + step)))])),
  };
}

/** Return the highest of some counts by name, the highest first. */
export function top(counts, most) {
  return Object.entries(counts).sort(([, a], [, b]) => b - a).slice(0, most);
}
