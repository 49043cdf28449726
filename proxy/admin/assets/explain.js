// Explain: what would become of a request now, as the corridor itself judges it.

import {Problem, get} from "./api.js";
import {$, facts, fill, h, prose} from "./dom.js";
import {duration, size} from "./words.js";

const FIELD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/; // 9110 §5.1

/** Let the form work. */
export function install() {
  $("explain-fields").addEventListener("input", check);
  $("explain").addEventListener("submit", (event) => {
    event.preventDefault();
    explain();
  });
}

const lines = () => $("explain-fields").value.split("\n").map((line) => line.trim()).filter(Boolean);

/** Have the form say which lines are no fields, before anybody is asked about them. */
function check() {
  const wrong = lines().some((line) => !FIELD.test(line));
  $("explain-fields").setCustomValidity(wrong ? "A field is like Name: value, one a line." : "");
}

async function explain() {
  const query = [["method", $("explain-method").value.trim()], ["url", $("explain-url").value.trim()]];
  try {
    tell(await get("explain", [...query, ...lines().map((line) => ["header", line])]));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    fill($("explain-story"));
    say(error.message, "bad");
  }
}

function tell({request, rule, key, verdict, declined, advice, memory, shared, workers}) {
  const elsewhere = verdict.next && shared?.length ? " The shared store has something, and is asked first." : "";
  say(`${verdict.sentence}${elsewhere}`, verdict.next ? "" : "good");
  const memories = workers ?? [{memory}];
  fill($("explain-story"),
    advice && advised(advice),
    h("dl", {className: "facts"}, facts([
      ["Verdict", [`${verdict.verdict}, `, reason(verdict)]],
      ["Latest answer", declined && [`${duration(declined.ago)} ago, not stored: `, prose(declined.sentence), " ", reason(declined)]],
      ["Then asked", verdict.next],
      ["Request", `${request.method} ${request.scheme}://${request.authority}${request.target}`],
      ["Rule", [rule.name, h("small", {}, ` ${rule.place}`)]],
      ["Key", key.parts.map(({name, value}) => h("div", {}, h("small", {}, `${name} `), h("code", {}, shown(value))))],
      ["Digest", h("code", {}, key.digest)],
    ])),
    memories.map((each) => held(`Held in memory${workers ? ` of worker ${each.worker}` : ""}`, each.memory)),
    shared && held("Held in the shared store", shared));
}

const reason = ({reason: word, clause}) => [h("code", {}, word), h("small", {}, ` ${clause}`)];

function advised({text, change}) {
  return h("div", {}, h("h3", {}, "Advice"), h("p", {}, prose(text)), change && h("pre", {}, change.trimEnd()));
}

const shown = (value) => typeof value === "string" ? value : JSON.stringify(value);

function held(title, entries) {
  const told = entries.length ? entries.map(entry) : h("p", {className: "hint"}, "Nothing.");
  return h("div", {}, h("h3", {}, title), told);
}

function entry(each) {
  const codings = Object.entries(each.codings).map(([name, {bytes}]) => `${name} ${size(bytes)}`);
  const ttl = each.ttl > 0 ? `fresh for ${duration(each.ttl)}` : `stale for ${duration(-each.ttl)}`;
  return h("dl", {className: "facts"}, facts([
    ["Entry", each.chosen ? "the one for this request" : null],
    ["Answer", `${each.status}, ${[size(each.bytes), ...codings].join(", ")}`],
    ["Age", `${duration(each.age)}, ${ttl} (lifetime ${duration(each.lifetime)} from ${each.lifetime_from})`],
    ["Standing", each.standing],
    ["Tags", each.tags.join(", ") || null],
    ["Varies by", Object.entries(each.variant).map(([name, value]) => `${name}: ${value ?? "(absent)"}`).join(", ") || null],
  ]));
}

function say(text, kind) {
  fill($("explain-said"), prose(text));
  $("explain-said").className = `said ${kind}`;
}
