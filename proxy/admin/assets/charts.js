// Charts: outcomes over time and the hit ratio, drawn by uPlot in the colours of the style sheet.

import {$, fill, h} from "./dom.js";
import {OUTCOMES, coarser, hitRatio, interval, perSecond, sum, total} from "./figures.js";
import {clock, many, percent, rate} from "./words.js";

const HEIGHT = 200;
const MOST = 120; // intervals that are told apart; finer ones are noise
const MINUTES = [1, 2, 5, 10, 15, 30, 60].map((each) => 60 * each); // between two names of times
const drawn = new Map();
let shown = null;

/** Draw a history that reaches back `span` seconds. */
export function draw(whole, span) {
  const history = coarser(whole, MOST);
  shown = {history, span};
  const present = OUTCOMES.filter((name) => history.outcomes[name]?.some(Boolean));
  drawOutcomes(history, present);
  drawRatio(history);
}

/** Draw anew what is shown: the colours have changed, or the width. */
export function redraw() {
  for (const plot of drawn.values()) plot.chart.destroy();
  drawn.clear();
  if (shown) draw(shown.history, shown.span);
}

function drawOutcomes(history, present) {
  const rates = present.map((name) => ratesOf(history, name));
  const stacked = rates.map((_, at) => history.times.slice(1).map(
    (_, x) => rates.slice(0, at + 1).reduce((height, each) => height + each[x], 0)));
  const series = present.map((name) => ({fill: colour(name), width: 0, points: {show: false}}));
  const values = (at) => present.map((name, each) => [name, rate(rates[each][at])]);
  // The tallest is drawn first, so that each of the others covers the part that is its own.
  const axis = {range: (_, low, high) => [0, 1.05 * high || 1]};
  plot("outcomes", history, stacked.reverse(), series.reverse(), values, axis);
  const said = present.map((name) => `${name}: ${many(sum(history.outcomes[name]), "request")}`);
  $("outcomes-said").textContent = said.join(", ") || "No requests.";
}

function drawRatio(history) {
  const ratios = history.times.slice(1).map((_, at) => hitRatio(interval(history, at)));
  const line = {stroke: colour("hit"), fill: `${colour("hit")}22`, width: 2, points: {show: false}};
  const values = (at) => [["hit", percent(ratios[at])]];
  const axis = {range: () => [0, 1.02], split: (share) => `${Math.round(100 * share)} %`};
  plot("ratio", history, [ratios], [line], values, axis);
  const all = Object.fromEntries(Object.entries(history.outcomes).map(([name, counts]) => [name, sum(counts)]));
  $("ratio-said").textContent = total(all) ? `${percent(hitRatio(all))} in all.` : "No requests.";
}

function ratesOf({times, outcomes}, name) {
  return outcomes[name].map((count, at) => perSecond(count, times[at + 1] - times[at]));
}

function plot(id, history, lines, series, values, axis) {
  const data = [history.times.slice(1), ...lines], shape = series.map((each) => each.fill).join();
  let known = drawn.get(id);
  if (known?.shape !== shape) {
    known?.chart.destroy();
    known = {shape};
    known.chart = new window.uPlot(options(id, series, axis, known), data, $(id));
    drawn.set(id, known);
  }
  known.values = values;
  known.chart.setData(data);
  legend(id, known);
}

/** Draw each value over the whole of its interval; where there is none, nothing. */
function steps(chart, series, first, last) {
  const {times} = shown.history, values = chart.data[series], stroke = new Path2D(), fill = new Path2D();
  const x = (time) => Math.round(chart.valToPos(time, "x", true));
  const y = (value) => chart.valToPos(value, "y", true);
  for (let at = first; at <= last; at += 1) {
    if (values[at] == null) continue;
    const left = x(times[at]), right = x(times[at + 1]), top = y(values[at]);
    stroke.moveTo(left, top);
    stroke.lineTo(right, top);
    fill.rect(left, top, right - left, y(0) - top);
  }
  return {stroke, fill, clip: null, band: null, gaps: null, flags: 1};
}

function options(id, series, axis, known) {
  const grid = {stroke: colour("line"), width: 1}, ticks = {show: false};
  const text = {stroke: colour("muted"), font: "12px system-ui, sans-serif", grid, ticks};
  return {
    width: $(id).clientWidth, height: HEIGHT, padding: [8, 18, 0, 0],
    legend: {show: false},
    cursor: {y: false, points: {show: false}, drag: {x: false, y: false}},
    scales: {x: {range: () => bounds()}, y: {range: axis.range}},
    axes: [
      {...text, grid: {show: false}, size: 28, space: 48, incrs: MINUTES, values: (_, times) => times.map(minute)},
      {...text, size: 48, values: (_, splits) => splits.map(axis.split ?? rate)},
    ],
    series: [{}, ...series.map((each) => ({...each, paths: steps}))],
    hooks: {setCursor: [() => legend(id, known)]},
  };
}

const minute = (time) => clock(time).slice(0, 5);

function bounds() {
  const now = shown.history.times.at(-1);
  return [now - shown.span, now];
}

/** Write beside each name its value under the pointer, or else the latest. */
function legend(id, known) {
  if (!known.values) return;
  const at = known.chart.cursor.idx ?? known.chart.data[0].length - 1;
  const when = known.chart.cursor.idx == null ? "now" : clock(known.chart.data[0][at]);
  fill($(`${id}-legend`),
    known.values(at).map(([name, value]) => h("li", {className: `of-${name}`}, `${name} `, h("b", {}, value))),
    h("li", {className: "when"}, when));
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
