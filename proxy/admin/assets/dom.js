// Dom: nodes made of values. Text is text here; nothing is ever parsed as HTML.

export const $ = (id) => document.getElementById(id);

/** Return an element; properties by name, `aria-…`, `for` and the like as attributes. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...nodes(children));
  return node;
}

const nodes = (children) => children.flat(Infinity).filter((child) => child != null);

/** Return a sentence, what stands between backticks as code. */
export const prose = (text) => text.split("`").map((part, at) => at % 2 ? h("code", {}, part) : part);

/** Put children in the place of those that a node has. */
export function fill(node, ...children) {
  node.replaceChildren(...nodes(children));
  if (node.classList.contains("scroll")) reachable(node);
}

/** Let the keyboard reach what is wider than its place, to scroll it. */
function reachable(node) {
  const wide = node.scrollWidth > node.clientWidth;
  node.tabIndex = wide ? 0 : -1;
  node.role = wide ? "group" : null;
  node.ariaLabel = wide ? node.querySelector("caption").textContent : null;
}

/** Show or hide a node. */
export function show(node, shown) {
  node.hidden = !shown;
}

/** Return a table. A column is [title, what its cell is made of, "number"?]. */
export function table(caption, columns, rows, empty) {
  if (!rows.length) return h("p", {className: "hint"}, empty);
  const head = columns.map(([title, , kind]) => h("th", {scope: "col", className: kind ?? ""}, title));
  return h("table", {},
    h("caption", {className: "unseen"}, caption),
    h("thead", {}, h("tr", {}, head)),
    h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((column, at) => cell(column, at, row))))));
}

function cell([, made, kind], at, row) {
  const properties = {className: kind ?? ""};
  return at ? h("td", properties, made(row)) : h("th", {scope: "row", ...properties}, made(row));
}

/** Return terms and their descriptions for a list of facts; what is null is left out. */
export function facts(pairs) {
  return pairs.filter(([, value]) => value != null)
    .map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)));
}

/** Put options in a select, and keep what was chosen where it is still there. */
export function choices(select, options) {
  const chosen = select.value, known = [...select.options].map((each) => each.value);
  if (known.join("\n") === options.map(([value]) => value).join("\n")) return;
  fill(select, options.map(([value, text]) => h("option", {value}, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
