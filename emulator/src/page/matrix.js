// Matrix of many sessions: a row for each publisher, a column for each subscriber.

import { drawn, element, keyed, say, set } from "./dom.js";
import { KINDS, content, pairs } from "./links.js";
import { bits, count, short } from "./names.js";

/** The most rows and columns. */
const MOST = 100;
const [SMALLEST, LARGEST] = [5, 26];
/** Smallest cell, in pixels, at which all rows and columns have names. Below it only the selected
 * and the pointed ones have. */
const READABLE = 13;
const LETTER = 7;

const marks = drawn("g");
const cells = drawn("g");
const rowNames = drawn("g", { class: "names" });
const columnNames = drawn("g", { class: "names" });
const grid = drawn("rect", { class: "grid" });
const svg = drawn("svg", { role: "img" }, grid, cells, marks, rowNames, columnNames);
const readout = element("p", { class: "readout" });
const axes = element("p", { class: "muted" });

export const node = element("div", { class: "matrix" }, axes, svg, readout);

let shown = { rows: [], columns: [], size: 0, left: 0, top: 0, pairs: new Map() };
let pointed = null;
let context = null;

svg.addEventListener("pointermove", (event) => point(event));
svg.addEventListener("pointerleave", () => point(null));
svg.addEventListener("click", (event) => {
  const { row, column } = at(event);
  const id = column ?? row;
  if (id) context.select(id);
});

/** Draws the matrix in the available width. */
export function show(all, width, given) {
  context = given;
  const of = (end) => [...new Set(all.map((link) => link[end]))].sort();
  const [allRows, allColumns] = [of("from"), of("to")];
  const [rows, columns] = [first(allRows), first(allColumns)];
  const left = short(rows[0]).length * LETTER + 12;
  const top = left;
  const size = Math.max(SMALLEST, Math.min(LARGEST, Math.floor((width - left - 2) / columns.length * 2) / 2));
  shown = { rows, columns, size, left, top, pairs: new Map(pairs(all).map((pair) => [pair.key, pair])) };
  const [wide, high] = [left + size * columns.length + 1, top + size * rows.length + 1];
  set(svg, "viewBox", `0 0 ${wide} ${high}`);
  svg.style.width = `${wide}px`;
  set(svg, "aria-label", `Matrix of ${count(rows.length, "publisher")} and ${count(columns.length, "subscriber")}; the view Table has the same as text`);
  const isCut = rows.length < allRows.length || columns.length < allColumns.length;
  say(axes, `Rows publish, columns receive: audio on the left of a cell, video on the right, data below. Pale where nothing flows.${isCut ? ` The first ${MOST} of each are shown; filter to see others.` : ""}`);
  place(grid, { x: left, y: top, width: size * columns.length, height: size * rows.length });
  const index = { row: new Map(rows.map((id, i) => [id, i])), column: new Map(columns.map((id, i) => [id, i])) };
  const visible = all.filter(({ from, to }) => index.row.has(from) && index.column.has(to));
  const gap = size >= 10 ? 1 : 0.5;
  const part = (size - gap) / 2;
  keyed(cells, visible, ({ key }) => key, () => drawn("rect"), (cell, link) => {
    const kind = KINDS.indexOf(link.kind);
    place(cell, {
      x: left + size * index.column.get(link.to) + gap / 2 + (kind === 1 ? part : 0),
      y: top + size * index.row.get(link.from) + gap / 2 + (kind === 2 ? part * 1.4 : 0),
      width: kind === 2 ? part * 2 : part,
      height: kind === 2 ? part * 0.6 : part * 2,
    });
    set(cell, "class", `cell ${link.kind}${link.packets > 0 || kind === 2 ? "" : " still"}`);
  });
  write();
}

function place(node, edges) {
  for (const [name, value] of Object.entries(edges)) set(node, name, value);
}

function first(ids) {
  if (ids.length <= MOST) return ids;
  const rest = ids.slice(0, MOST);
  return context.selected && ids.includes(context.selected) && !rest.includes(context.selected)
    ? [context.selected, ...rest.slice(1)] : rest;
}

/** Writes the names, and marks the selected and the pointed cell. */
function write() {
  const { rows, columns, size, left, top } = shown;
  const isNear = (id) => id === context.selected || id === pointed?.row || id === pointed?.column;
  const named = (ids, pointedAt) => ids.map((id, index) => ({ id, index }))
    .filter(({ id }) => size >= READABLE || id === context.selected || id === pointedAt);
  const middle = (index) => size * (index + 0.5);
  keyed(rowNames, named(rows, pointed?.row), ({ id }) => id, () => drawn("text"), (text, { id, index }) => {
    set(text, "x", left - 5);
    set(text, "y", top + middle(index) + 4);
    set(text, "class", `row${isNear(id) ? " near" : ""}`);
    say(text, short(id));
  });
  keyed(columnNames, named(columns, pointed?.column), ({ id }) => id, () => drawn("text"), (text, { id, index }) => {
    set(text, "transform", `translate(${left + middle(index) + 4} ${top - 5}) rotate(-90)`);
    set(text, "class", isNear(id) ? "near" : null);
    say(text, short(id));
  });
  const [wide, high] = [size * columns.length, size * rows.length];
  const across = [context.selected, pointed?.row].filter((id) => rows.includes(id))
    .map((id) => ({ key: `row ${id}`, edges: { x: left, y: top + size * rows.indexOf(id), width: wide, height: size } }));
  const down = [context.selected, pointed?.column].filter((id) => columns.includes(id))
    .map((id) => ({ key: `column ${id}`, edges: { x: left + size * columns.indexOf(id), y: top, width: size, height: high } }));
  keyed(marks, [...across, ...down], ({ key }) => key, () => drawn("rect", { class: "band" }), (band, { edges }) => place(band, edges));
  say(readout, described());
}

function described() {
  const { row, column } = pointed ?? {};
  if (!row || !column) return "Point at a cell to read it, click it to select its subscriber.";
  const pair = shown.pairs.get(`${row} ${column}`);
  const carried = pair?.links.map((link) => link.kind === "data" ? content(link) : `${content(link)} ${bits(link.bytes)}`);
  return `${short(row)} → ${short(column)}: ${carried?.join(", ") ?? "nothing"}`;
}

function point(event) {
  pointed = event && at(event);
  if (context) write();
}

/** Returns the publisher and the subscriber at a place. */
function at(event) {
  const { left, top, width } = svg.getBoundingClientRect();
  const scale = (svg.viewBox.baseVal.width || width) / width;
  const index = (place, begin) => Math.floor((place * scale - begin) / shown.size);
  return {
    row: shown.rows[index(event.clientY - top, shown.top)],
    column: shown.columns[index(event.clientX - left, shown.left)],
  };
}
