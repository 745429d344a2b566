// Graph of a few sessions on a circle, with a curve for each kind that one receives of another. The
// two directions bend to different sides.

import { drawn, element, keyed, say, set } from "./dom.js";
import { KINDS, content, pairs } from "./links.js";
import { bits, count, short } from "./names.js";

/** The most sessions for which all links are drawn. Above it only those of the selected one are. */
export const MOST = 8;
/** Radii in pixels, each with the most sessions for which it is used. */
const RADII = [[12, 27], [24, 19], [Infinity, 13]];
const LINE = 15;
const LETTER = 6.9;
/** Distance of a curve from the straight line, and from the next curve. */
const BEND = 20;
/** Distance of a label from its curve. */
const GAP = 4;
/** Places of a label on its curve, the best first. */
const PLACES = [0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73];
/** The most pairs with labels for all. Above it only those of the selected session have labels. */
const MOST_LABELS = 14;

let radius = 27;
let isCrowd = false;
const curves = drawn("g");
const labels = drawn("g");
const svg = drawn("svg", { class: "edges", "aria-hidden": "true" }, drawn("defs", {}, ...KINDS.map(arrow)), curves, labels);
const nodes = element("ul", { class: "nodes", "aria-label": "Sessions of the graph" });

export const node = element("div", { class: "graph" }, svg, nodes);

/** Draws the graph in the available width. */
export function show(sessions, all, width, context) {
  isCrowd = sessions.length > MOST;
  const middle = isCrowd && sessions.some(({ id }) => id === context.selected) ? context.selected : null;
  radius = Math.min(RADII.find(([most]) => sessions.length <= most)[1], width * 1.15 / sessions.length);
  radius = Math.max(8, Math.min(27, Math.round(radius)));
  const height = heightFor(sessions.length, width);
  set(svg, "viewBox", `0 0 ${width} ${height}`);
  node.style.height = `${height}px`;
  const places = placed(sessions, width, height, middle);
  const isDrawn = ({ from, to }) => !isCrowd || from === middle || to === middle;
  const routes = pairs(all.filter(isDrawn)).map((pair) => routed(pair, places, { x: width / 2, y: height / 2 }));
  const isFar = ({ pair }) => context.selected && places.has(context.selected)
    && pair.from !== context.selected && pair.to !== context.selected;
  const parts = routes.flatMap((route) => route.pair.links.map((link, index) =>
    ({ link, path: route.paths[index], isFar: isFar(route) })));
  keyed(curves, parts, ({ link }) => link.key, () => drawn("path"), (path, { link, path: d, isFar: far }) => {
    set(path, "d", d);
    set(path, "class", `edge ${link.kind}${far ? " far" : ""}${link.packets > 0 ? "" : " still"}`);
    set(path, "marker-end", `url(#arrow-${link.kind})`);
  });
  const wanted = routes.filter((route) => !isFar(route));
  const taken = [...places.values()].map(({ x, y }) => box(x, y + 8, radius * 2 + 4, radius * 2 + 24));
  const shown = wanted.length > MOST_LABELS ? [] : wanted.map((route) => labelled(route, taken, width, height)).filter(Boolean);
  keyed(labels, shown, ({ pair }) => pair.key, () => drawn("text"), write);
  keyed(nodes, sessions, ({ id }) => id, (session) => made(session, context), (item, session) =>
    update(item, session, places.get(session.id), context));
}

function arrow(kind) {
  return drawn("marker", { id: `arrow-${kind}`, class: `arrow ${kind}`, viewBox: "0 0 8 8", refX: 7, refY: 4,
    markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, drawn("path", { d: "M0 0L8 4L0 8z" }));
}

function heightFor(number, width) {
  if (number === 1) return 190;
  if (number === 2) return 210;
  return Math.round(Math.min(560, Math.max(330, width * 0.62)));
}

function placed(all, width, height, middle) {
  const sessions = all.filter(({ id }) => id !== middle);
  const begin = sessions.length === 2 ? Math.PI : -Math.PI / 2;
  const round = sessions.map((_, index) => {
    const angle = begin + 2 * Math.PI * index / sessions.length;
    return { x: Math.cos(angle), y: Math.sin(angle) };
  });
  const side = isCrowd ? radius + 8 : Math.min(110, width * 0.2);
  const x = spread(round.map((point) => point.x), side, width - side);
  const y = spread(round.map((point) => point.y), isCrowd ? side : 62, height - (isCrowd ? side + 10 : 72));
  const places = new Map(sessions.map(({ id }, index) => [id, { x: x[index], y: y[index] }]));
  if (middle) places.set(middle, { x: width / 2, y: height / 2 });
  return places;
}

/** Returns the values spread over a range, or its middle if they are all equal. */
function spread(values, from, to) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (most - least < 0.001) return values.map(() => (from + to) / 2);
  return values.map((value) => from + (value - least) / (most - least) * (to - from));
}

/** Returns the curves of a pair, and the places for its label. */
function routed(pair, places, middle) {
  const [from, to] = [places.get(pair.from), places.get(pair.to)];
  if (from === to) return looped(pair, from, middle);
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const side = { x: dy / length, y: -dx / length };
  const controls = pair.links.map((_, index) => {
    const bend = isCrowd ? 8 * (index + 0.6) : 2 * (BEND * (index + 0.8) + length * 0.03);
    return { x: (from.x + to.x) / 2 + side.x * bend, y: (from.y + to.y) / 2 + side.y * bend };
  });
  const towards = (point, other) => {
    const distance = Math.hypot(other.x - point.x, other.y - point.y) || 1;
    const part = radius + 3;
    return { x: point.x + (other.x - point.x) / distance * part, y: point.y + (other.y - point.y) / distance * part };
  };
  const paths = controls.map((control) => {
    const [begin, end] = [towards(from, control), towards(to, control)];
    return `M${begin.x} ${begin.y}Q${control.x} ${control.y} ${end.x} ${end.y}`;
  });
  const outer = controls.at(-1);
  const at = (part) => {
    const rest = 1 - part;
    const on = (axis) => rest * rest * from[axis] + 2 * rest * part * outer[axis] + part * part * to[axis];
    return { x: on("x"), y: on("y"), side };
  };
  return { pair, paths, spots: PLACES.map(at) };
}

/** Returns the curve of a session that receives itself: a loop away from the middle. */
function looped(pair, place, middle) {
  const [dx, dy] = [place.x - middle.x, place.y - middle.y];
  const isAlone = Math.hypot(dx, dy) < radius;
  const side = isAlone || Math.abs(dx) < 30 ? { x: 0, y: -1 } : { x: Math.sign(dx), y: 0 };
  const across = { x: -side.y, y: side.x };
  const paths = pair.links.map((_, index) => {
    const [far, wide] = [64 + 22 * index, 30 + 12 * index];
    const point = (out, over) => `${place.x + side.x * out + across.x * over} ${place.y + side.y * out + across.y * over}`;
    return `M${point(radius * 0.8, -radius * 0.6)}C${point(far, -wide)} ${point(far, wide)} ${point(radius * 0.9, radius * 0.7)}`;
  });
  const far = 52 + 16 * (pair.links.length - 1);
  const end = { x: place.x + side.x * far, y: place.y + side.y * far, side };
  const beside = [1, -1].map((way) => ({ x: place.x + side.x * 52, y: place.y + way * 42, side: { x: 0, y: way } }));
  return { pair, paths, spots: side.x === 0 ? [end] : place.y > middle.y ? beside : beside.toReversed() };
}

/** Returns a label where it covers no other one, or nothing. */
function labelled({ pair, spots }, taken, width, height) {
  const lines = pair.links.map((link) =>
    ({ kind: link.kind, text: link.kind === "data" ? content(link) : `${content(link)} ${bits(link.bytes)}` }));
  const wide = Math.max(...lines.map(({ text }) => text.length)) * LETTER + 12;
  const high = lines.length * LINE;
  for (const { x, y, side } of spots) {
    const away = GAP + Math.abs(side.x) * wide / 2 + Math.abs(side.y) * high / 2;
    const within = (value, room, size) => Math.min(room - size / 2, Math.max(size / 2, value));
    const middle = { x: within(x + side.x * away, width, wide), y: within(y + side.y * away, height, high) };
    const own = box(middle.x, middle.y, wide, high);
    if (taken.some((other) => overlap(own, other))) continue;
    taken.push(own);
    return { pair, lines, x: middle.x, y: middle.y - high / 2 };
  }
  return null;
}

const box = (x, y, width, height) =>
  ({ left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 });

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

const SHAPES = { audio: "●", video: "■", data: "◆" };

function write(text, { lines, x, y }) {
  keyed(text, lines, ({ kind }) => kind, () => drawn("tspan"), (line, { kind, text: words }) => {
    const index = lines.findIndex((other) => other.kind === kind);
    set(line, "class", kind);
    set(line, "x", x);
    set(line, "y", y + LINE * (index + 0.75));
    say(line, `${SHAPES[kind]} ${words}`);
  });
}

function made({ id }, context) {
  const name = element("button", { type: "button", class: "node", "data-full": id, click: () => context.select(id) });
  return element("li", {}, name, element("span", { class: "below" }));
}

function update(item, session, { x, y }, { selected }) {
  const [name, below] = item.children;
  const up = session.tracks.filter((track) => track.location === "local" && track.isActive).length;
  const down = session.tracks.filter((track) => track.location === "remote" && track.isActive).length;
  const size = `${2 * radius}px`;
  [name.style.width, name.style.height] = [size, size];
  name.style.fontSize = `${radius < 15 ? 9 : radius < 20 ? 11 : 13}px`;
  item.style.left = `${x}px`;
  item.style.top = `${y}px`;
  set(name, "class", `node ${session.state}`);
  set(name, "aria-pressed", String(session.id === selected));
  set(name, "aria-label", `${short(session.id)}, ${session.state}, publishes ${count(up, "track")}, receives ${down}`);
  say(name, radius < 13 ? "" : short(session.id));
  below.hidden = radius < 20;
  say(below, session.state === "connected" ? session.correlationId ?? "" : session.state);
}
