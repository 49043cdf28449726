// Purge: the form, and the receipt that is followed until every replica has confirmed.

import {Problem, get, post} from "./api.js";
import {$, fill, h, show, table} from "./dom.js";
import {selected} from "./panels.js";
import {many} from "./words.js";

const PAUSE = 300; // milliseconds between two looks at a receipt
const TITLES = {
  tags: ["Tags, one a line", "product:42"],
  urls: ["URLs, one a line", "http://shop.example/products/42, or /products/42 on any host"],
  prefixes: ["Prefixes, one a line", "/products/ or shop.example/products/"],
  wildcards: ["Wildcards, one a line", "shop.example/*.jpg; * is any run of characters"],
};
let latest = 0;

/** Let the form work; `changed` is called whenever something was purged. */
export function install(changed) {
  $("purge-kind").addEventListener("change", adapt);
  $("purge").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => purge(changed));
  });
  $("purge-count").addEventListener("click", () => $("purge").reportValidity() && attempt(dryRun));
  adapt();
}

/** Open the form to a role, or say why it is closed. */
export function open(role, how) {
  const allowed = role !== "read";
  show($("purge"), allowed);
  show($("purge-closed"), !allowed);
  $("purge-closed").textContent = how;
}

function adapt() {
  const kind = $("purge-kind").value, [title, example] = TITLES[kind] ?? ["", ""];
  show($("purge-names-label"), kind in TITLES);
  show($("purge-rule-label"), kind === "rule");
  show($("purge-sure-label"), kind === "everything");
  $("purge-names").required = kind in TITLES;
  $("purge-sure").required = kind === "everything";
  $("purge-names-title").textContent = title;
  $("purge-names-hint").textContent = example && `Like ${example}`;
}

/** Return what the form asks for, as /v1/purge takes it. */
function wanted() {
  const kind = $("purge-kind").value, mode = $("purge-mode").value;
  const lines = $("purge-names").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const chosen = {rule: $("purge-rule").value, everything: true}[kind] ?? lines;
  return {[kind]: chosen, mode, wait: "local"};
}

async function attempt(action) {
  fill($("purge-receipt"));
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(error.message, "bad");
  }
}

async function dryRun() {
  const {matching, scope} = await post("purge", {...wanted(), dry_run: true});
  say(`${many(matching, "entry", "entries")} in ${scope} would go; nothing is purged.`);
}

/** Purge, and follow the receipt: the page waits where the API would, and can tell meanwhile. */
async function purge(changed) {
  const own = latest += 1, wait = $("purge-wait").value;
  const until = Date.now() + 1000 * $("purge-timeout").valueAsNumber;
  say("Purging …");
  const accepted = await post("purge", wanted());
  changed();
  let receipt = await get(`purges/${accepted.id}`);
  while (own === latest && wait === "all" && receipt.state !== "complete" && Date.now() < until) {
    tell(receipt, wait);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    receipt = await get(`purges/${accepted.id}`);
  }
  if (own === latest) tell(receipt, wait);
  changed();
}

function tell(receipt, wait) {
  const done = receipt.replicas.filter((each) => each.state !== "pending").length;
  const all = receipt.replicas.length, complete = receipt.state === "complete";
  const word = complete ? "Complete" : wait === "local" ? "Applied here" : "Pending";
  say(`${word}: ${done} of ${many(all, "replica")} confirmed ${selected(receipt)}.`, complete ? "good" : "");
  fill($("purge-receipt"),
    table("Receipt, by replica", [
      ["replica", (each) => each.name],
      ["address", (each) => each.address],
      ["state", (each) => h("span", {className: `mark ${each.state}`}, each.state)],
    ], receipt.replicas, "No replica is known."),
    h("p", {className: "hint"}, "Receipt ", h("code", {}, receipt.id), `, ${receipt.mode}`));
}

function say(text, kind = "") {
  if ($("purge-said").textContent !== text) $("purge-said").textContent = text;
  $("purge-said").className = `said ${kind}`;
}
