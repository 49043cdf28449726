// Panels: tiles and tables of what the API told. Each function fills its own place and no other.

import {$, choices, facts, fill, h, prose, show, table} from "./dom.js";
import {OUTCOMES, byOutcome, coarser, hitRatio, interval, perSecond, sum, top, total} from "./figures.js";
import {NONE, clock, count, duration, latency, many, moment, percent, rate, size} from "./words.js";

const MOST_ROWS = 12;

/** Show the state of this replica: whether it takes requests, and what it can rely on. */
export function states(stats) {
  const store = stats.redis ? [state("Redis", stats.redis.usable ? "usable" : "left alone", stats.redis.usable)] : [];
  fill($("states"), [
    state("replica", stats.phase, stats.phase === "ready"),
    ...store,
    state("ledger", stats.ledger.trust, stats.ledger.trust === "confirmed"),
  ]);
  const age = duration(Math.max(0, Date.now() / 1000 - stats.started));
  $("version").textContent = `Sidecache ${stats.version}, started ${age} ago`;
}

function state(name, word, good) {
  return h("li", {className: good ? "good" : "bad"}, `${name} `, h("b", {}, word));
}

/** Show the few numbers that matter most. */
export function tiles({window}, stats) {
  const {all} = byOutcome(window.requests), {hit, miss} = window.latency;
  fill($("tiles"), facts([
    ["Hit ratio", percent(hitRatio(all))],
    ["Requests", count(total(all))],
    ["Requests a second", rate(perSecond(total(all), window.seconds))],
    ["Upstream time saved", duration(window.upstream_seconds_saved)],
    ["Median of a hit", latency(hit?.p50)],
    ["Median of a miss", latency(miss?.p50)],
    ["Sent to clients", size(sum(Object.values(window.body_bytes)))],
    ["In flight now", count(stats.in_flight)],
    ["Memory", size(stats.memory.bytes)],
    ["Keys in memory", count(stats.memory.keys)],
  ]));
}

/** Show both charts as numbers, in few rows. */
export function traffic(history) {
  const few = coarser(history, MOST_ROWS), rows = few.times.slice(1).map((_, at) => at);
  const columns = Object.keys(few.outcomes).map((name) => [name, (at) => count(few.outcomes[name][at]), "number"]);
  fill($("traffic-table"), table("Requests by outcome, and the hit ratio", [
    ["from", (at) => clock(few.times[at])],
    ["to", (at) => clock(few.times[at + 1])],
    ...columns,
    ["hit ratio", (at) => percent(hitRatio(interval(few, at))), "number"],
  ], rows, "No requests."));
}

/** Show how each rule does. */
export function rules({window}) {
  const present = OUTCOMES.filter((name) => window.requests.some(({outcome}) => outcome === name));
  fill($("rules"), table("Requests of each rule by outcome", [
    ["rule", ([name]) => name],
    ["requests", ([, counts]) => count(total(counts)), "number"],
    ["hit ratio", ([, counts]) => bar(hitRatio(counts)), "number"],
    ...present.map((name) => [name, ([, counts]) => count(counts[name] ?? 0), "number"]),
  ], byOutcome(window.requests).rules, "No requests in this time."));
}

function bar(share) {
  const filled = h("span", {className: "filled"});
  filled.style.width = `${100 * (share ?? 0)}%`;
  return [percent(share), share == null ? null : h("span", {className: "bar-of", "aria-hidden": "true"}, filled)];
}

/** Show how long answers took. */
export function latencies({window}) {
  const rows = OUTCOMES.filter((name) => window.latency[name]).map((name) => [name, window.latency[name]]);
  const part = (name) => [name, ([, spread]) => latency(spread[name]), "number"];
  fill($("latency"), table("Seconds to an answer's end, by outcome", [
    ["outcome", ([name]) => h("span", {className: `of-${name}`}, name)],
    ["requests", ([, spread]) => count(spread.count), "number"],
    part("p50"), part("p90"), part("p99"),
  ], rows, "No requests in this time."));
}

/** Show why requests went on to the upstream, and why its answers were not stored. */
export function reasons({window}, known) {
  const of = (counts, family) => top(Object.fromEntries(
    Object.entries(counts).filter(([name]) => known[name]?.family === family)), MOST_ROWS);
  const columns = [
    ["reason", ([name]) => h("code", {}, name)],
    ["count", ([, number]) => count(number), "number"],
    ["means", ([name]) => [prose(known[name].sentence), h("small", {}, ` ${known[name].clause}`)]],
  ];
  fill($("forwards"), table("Reasons", columns, of(window.reasons, "forward"), "None went on in this time."));
  fill($("declines"), table("Reasons", columns, of(window.storing, "decline"), "All were stored in this time."));
}

/** Show how the shared store and the ledger of purges do. */
export function health({redis, ledger}) {
  const failures = redis && Object.entries(redis.failures).map(([kind, number]) => `${count(number)} ${kind}`);
  fill($("health"), facts([
    ["Redis", redis ? (redis.usable ? "is used" : "is left alone for now") : "none: this replica stands alone"],
    ["Calls", redis && `${count(redis.operations)}, of which failed: ${failures.join(", ") || "none"}`],
    ["Calls spared", redis && count(redis.spared)],
    ["Latency", redis && `p50 ${latency(redis.latency.p50)}, p99 ${latency(redis.latency.p99)}`],
    ["Purges not told yet", redis && count(redis.untold)],
    ["Log of purges", redis && `lost ${many(redis.reconnects, "time")}, begun anew ${many(redis.rebases, "time")}`],
    ["Ledger", `${ledger.trust}, for ${duration(ledger.unconfirmed_for)} not confirmed`],
    ["Purges applied", `${count(ledger.sequence)} in epoch ${ledger.epoch.slice(0, 8)}`],
  ]));
}

/** Show the replicas that may serve what they hold, or why none is known. */
export function replicas(known, why = "None is known.") {
  fill($("replicas"), table("Replicas", [
    ["name", (each) => each.name],
    ["address", (each) => each.address],
    ["purges behind", (each) => each.lag == null ? NONE : count(each.lag), "number"],
    ["heard of", (each) => `${duration(each.seen)} ago`, "number"],
  ], known, why));
}

/** Show the latest purges. */
export function purges(receipts) {
  fill($("purges"), table("Latest purges", [
    ["purged", selected],
    ["how", (each) => each.mode],
    ["at", (each) => moment(each.accepted)],
    ["state", (each) => each.missing.length ? `${each.state}: ${each.missing.join(", ")}` : each.state],
  ], receipts, "None that this replica knows of."));
}

/** Say what a receipt is of. */
export function selected({selected: names, left_out: more}) {
  const [first, second, third, ...rest] = names, others = rest.length + more;
  return [first, second, third].filter(Boolean).join(", ") + (others ? ` and ${count(others)} more` : "");
}

/** Offer the rules where one can be chosen. */
export function ruleChoices(told) {
  const names = told.rules.map(({name}) => [name, name]);
  choices($("rule"), [["", "all rules"], ...names]);
  choices($("purge-rule"), names);
}

/** Show what is advised, rule by rule; a proxy that gives no advice has no such panel. */
export function advice(told) {
  show($("advice"), told !== null);
  const worth = (told?.rules ?? []).filter((each) => each.advice.length);
  const none = h("p", {className: "hint"}, "Nothing, by what was seen so far.");
  if (told) fill($("advice-list"), worth.length ? worth.map(advised) : none);
}

function advised({rule, place, mode, quarantined, advice: texts}) {
  const state = quarantined ? ", in quarantine" : mode === "live" ? "" : `, ${mode}`;
  return h("div", {className: "advised"},
    h("h3", {}, rule, h("small", {}, ` ${place}${state}`)),
    h("ul", {}, texts.map(({text, change}) => h("li", {}, text, change ? h("pre", {}, change.trimEnd()) : null))));
}
