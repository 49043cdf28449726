// Quarantine: the rules that are out of use, and the button that ends that.

import {Problem, end} from "./api.js";
import {$, fill, h, show} from "./dom.js";

const CLOSED = "To put a rule back into use takes a token of role admin.";
const RISK = "Unless it is mended, callers get each other's answers again.";
let allowed = false;
let shown = "";

/** Offer the buttons to a role, or say what they take. */
export function open(role) {
  allowed = role === "admin";
  shown = "";
  say("");
  $("quarantine-closed").textContent = allowed ? "" : CLOSED;
}

/** Show the rules; a list that is the same stays, and so does the focus in it. */
export function tell({rules}, changed) {
  show($("quarantine"), rules.length > 0);
  if (shown === rules.join()) return;
  shown = rules.join();
  fill($("quarantine-list"), rules.map((name) => h("li", {}, h("b", {}, name), allowed ? button(name, changed) : null)));
}

function button(name, changed) {
  const label = h("span", {className: "unseen"}, ` the rule ${name}`);
  const node = h("button", {type: "button"}, "Use", label, " again");
  node.addEventListener("click", () => ended(name, changed));
  return node;
}

async function ended(name, changed) {
  if (!confirm(`Use the rule ${name} again? ${RISK}`)) return;
  try {
    await end(`quarantine/${encodeURIComponent(name)}`);
    say(`The rule ${name} is in use again.`, "good");
    $("quarantine-said").focus(); // the button goes
    changed();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(error.message, "bad");
  }
}

function say(text, kind = "") {
  $("quarantine-said").textContent = text;
  $("quarantine-said").className = `said ${kind}`;
}
