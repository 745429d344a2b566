// The drawing: as a graph, as a matrix, or as a table.

import { button, element, keyed, say, set, table } from "./dom.js";
import * as graph from "./graph.js";
import { content, links } from "./links.js";
import * as matrix from "./matrix.js";
import { bits, count, short } from "./names.js";

/** The most rows of the table. */
const MOST_ROWS = 200;

const VIEWS = { auto: "Automatic", graph: "Graph", matrix: "Matrix", table: "Table" };
const place = document.getElementById("view");
const hint = element("p", { class: "muted" });
let view = "auto";

const list = table("Who receives what", [
  { head: "Publisher", isHead: true, kind: "id", fill: ({ from }, cell) => (set(cell, "data-full", from), short(from)) },
  { head: "Subscriber", kind: "id", fill: ({ to }, cell) => (set(cell, "data-full", to), short(to)) },
  { head: "What", fill: (link, cell) => (set(cell, "class", `kind ${link.kind}`), content(link)) },
  { head: "Packets/s", kind: "number", fill: ({ kind, packets }) => kind === "data" ? "" : packets },
  { head: "Rate", kind: "number", fill: ({ kind, bytes }) => kind === "data" ? "" : bits(bytes) },
]);
place.append(hint, graph.node, matrix.node, list.node);

/** Offers the views, and calls back once the view or the width has changed. */
export function offerViews(changed) {
  const choose = (name) => {
    view = name;
    offer();
    changed();
  };
  const offer = () => keyed(document.getElementById("views"), Object.keys(VIEWS), (name) => name,
    (name) => button(VIEWS[name], () => choose(name)),
    (node, name) => set(node, "aria-pressed", String(name === view)));
  offer();
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth !== width) changed();
    width = place.clientWidth;
  }).observe(place);
}

/** Draws the sessions. `context` has the selected session, and the function that selects one. */
export function draw(sessions, kind, context) {
  const found = links(sessions, kind);
  const known = new Set(sessions.map((session) => session.id));
  const all = found.filter(({ from }) => known.has(from));
  let chosen = view === "auto" ? (sessions.length > graph.MOST ? "matrix" : "graph") : view;
  let text = "";
  if (sessions.length === 0) [chosen, text] = ["none", "No session."];
  else if (found.length === 0 && chosen !== "graph") [chosen, text] = ["none", "Nobody receives anything."];
  else if (chosen === "graph" && sessions.length > graph.MOST && !known.has(context.selected)) text = "Select a session to see its links; the matrix has all.";
  else if (found.length > all.length && chosen !== "table") text = `${count(found.length - all.length, "link")} from sessions that are not shown.`;
  for (const [name, node] of Object.entries({ graph: graph.node, matrix: matrix.node, table: list.node })) {
    node.hidden = name !== chosen;
  }
  if (chosen === "graph") graph.show(sessions, all, place.clientWidth, context);
  if (chosen === "matrix") matrix.show(all, place.clientWidth, context);
  if (chosen === "table") text = rows(found, context);
  say(hint, text);
  hint.hidden = text === "";
}

/** Fills the table, and returns the remark on it. */
function rows(found, { selected }) {
  const mine = found.filter(({ from, to }) => from === selected || to === selected);
  const shown = mine.length > 0 ? mine : found;
  list.show(shown.slice(0, MOST_ROWS), ({ key }) => key);
  const whose = shown === mine ? " of the selected session" : "";
  return `${count(shown.length, "link")}${whose}${shown.length > MOST_ROWS ? `, of which ${MOST_ROWS} are shown` : ""}.`;
}
