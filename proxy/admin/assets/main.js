// Main: who looks, what they chose to see, and when it is asked for anew.

import {Problem, get, offered, token} from "./api.js";
import * as charts from "./charts.js";
import {$, show} from "./dom.js";
import * as explain from "./explain.js";
import * as panels from "./panels.js";
import * as purge from "./purge.js";
import * as quarantine from "./quarantine.js";

const PERIOD = 2000; // milliseconds between two looks at the numbers
const SELDOM = 5; // replicas, purges, rules and advice are looked at so many times less often
const LATEST = 10; // purges that are listed

let known = null; // what each reason means; null until somebody was let in
let advises = false; // whether this proxy gives advice
let turn = 0;
let paused = false;
let running = null; // the look that is under way: never two at a time

/** Let in who may look, or ask for a token. */
async function enter() {
  try {
    const caller = await get("whoami");
    if (!caller.role) return knock(caller.detail);
    known = await get("reasons");
    advises = (await offered()).includes("/v1/advice");
    welcome(caller);
  } catch (error) {
    refuse(error);
  }
}

function welcome({name, role}) {
  const local = name === "local";
  $("who-name").textContent = local ? "this machine, reading" : `${name} (${role})`;
  purge.open(role, local
    ? "This proxy has no tokens, so this machine may look and not purge: set SIDECACHE_ADMIN_TOKEN."
    : `The token '${name}' may look and not purge: that needs one of role purge or admin.`);
  quarantine.open(role);
  show($("who"), true);
  show($("sign-out"), !local);
  show($("door"), false);
  show($("board"), true);
  turn = 0;
  look();
}

/** Show the door, and why it is shut. */
function refuse(error) {
  if (!(error instanceof Problem)) throw error;
  if (error.status !== 401 && error.status !== 403) return trouble(error);
  const sent = token.get() !== null;
  if (error.status === 401) token.forget();
  knock(error.status === 401 && sent ? "That token is unknown here." : error.message);
}

function knock(why) {
  known = null;
  $("door-why").textContent = why;
  show($("who"), false);
  show($("board"), false);
  show($("door"), true);
  $("token").focus();
}

function trouble(error) {
  $("trouble").textContent = error ? error.message : "";
  show($("trouble"), Boolean(error));
}

/** Ask for everything that is due and show it. */
function look() {
  running ??= looked().finally(() => { running = null; });
  return running;
}

/** Look once more, after what is under way: something else was chosen. */
async function lookAgain() {
  await running;
  look();
}

async function looked() {
  if (!known) return;
  try {
    const stats = await frequent();
    if (turn % SELDOM === 0) await seldom(stats);
    turn += 1;
    trouble(null);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) refuse(error);
    else trouble(error);
  }
}

async function frequent() {
  const seconds = Number($("span").value), rule = $("rule").value;
  const [stats, history] = await Promise.all([get("stats"), get("history", rule ? {seconds, rule} : {seconds})]);
  panels.states(stats);
  panels.health(stats);
  panels.tiles(history, stats);
  panels.traffic(history);
  panels.rules(history);
  panels.latencies(history);
  panels.reasons(history, known);
  charts.draw(history, seconds);
  return stats;
}

async function seldom({redis}) {
  const [rules, advice] = await Promise.all([get("rules"), advises ? get("advice") : null]);
  panels.ruleChoices(rules);
  await quarantined();
  panels.advice(advice);
  await purged();
  await replicas(redis);
}

async function quarantined() {
  quarantine.tell(await get("quarantine"), () => quarantined().catch(trouble));
}

/** Show the replicas; where the shared store cannot be reached, nobody knows them. */
async function replicas(redis) {
  if (redis && !redis.usable) return panels.replicas([], "The shared store is left alone for now; it knows them.");
  try {
    panels.replicas((await get("replicas")).replicas);
  } catch (error) {
    if (error.status !== 503) throw error;
    panels.replicas([], error.message);
  }
}

/** Show the latest purges; those that were pending are asked for once more. */
async function purged() {
  const {purges} = await get("purges", {limit: LATEST});
  const standing = (each) => each.state === "complete" ? each : get(`purges/${each.id}`).catch(() => each);
  panels.purges(await Promise.all(purges.map(standing)));
}

function installDoor() {
  $("door-form").addEventListener("submit", (event) => {
    event.preventDefault();
    token.keep($("token").value.trim());
    $("door-form").reset();
    enter();
  });
  $("sign-out").addEventListener("click", () => {
    token.forget();
    location.reload();
  });
}

function installView() {
  for (const id of ["span", "rule"]) $(id).addEventListener("change", lookAgain);
  $("view").addEventListener("submit", (event) => event.preventDefault());
  $("pause").addEventListener("click", () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", String(paused));
    if (!paused) look();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", charts.redraw);
  let pending = null;
  addEventListener("resize", () => {
    clearTimeout(pending);
    pending = setTimeout(charts.redraw, 150);
  });
}

installDoor();
installView();
purge.install(() => purged().catch(trouble));
explain.install();
setInterval(() => { if (!paused && !document.hidden) look(); }, PERIOD);
enter();
