// Arrows of the sequence diagram, in the order of the events of one session.

import { element, keyed, say, set } from "./dom.js";
import { duration, operation, short, shortName } from "./names.js";
import { isBad } from "./requests.js";

/** Silence after which a line marks it, in milliseconds. */
const PAUSE = 2000;

const list = element("ol", { class: "timeline", "aria-label": "What happened, oldest first" });
const lanes = element("div", { class: "lanes", "aria-hidden": "true" },
  element("span", {}, "Backend"), element("span", {}, "SFU"), element("span", {}, "Agent"));
const empty = element("p", { class: "muted" }, "Nothing is remembered of it any more.");

export const node = element("div", {}, lanes, list, empty);

/** Shows the history of a session with its requests. */
export function show({ history, requests }) {
  const steps = merged(history, requests);
  lanes.hidden = list.hidden = steps.length === 0;
  empty.hidden = steps.length > 0;
  keyed(list, steps, ({ key }) => key, make, update);
}

/** Directions of an arrow, with their words for screen readers. */
const WAYS = {
  request: "Backend to SFU",
  reply: "SFU to backend",
  up: "Agent to SFU",
  down: "SFU to agent",
  both: "SFU and agent",
  note: "SFU",
};

function merged(history, requests) {
  const rank = { request: 0, note: 1, reply: 2 };
  const steps = [
    ...requests.flatMap(asked),
    ...history.map((happening, index) => happened(happening, index)),
  ];
  const order = (step) => rank[step.way] ?? rank.note;
  steps.sort((a, b) => a.atMs - b.atMs || order(a) - order(b) || a.index - b.index);
  const begin = steps[0]?.atMs ?? 0;
  const seen = new Map();
  let [last, isOpen] = [begin, false];
  for (const step of steps) {
    step.since = step.atMs - begin;
    step.pause = step.atMs - last > PAUSE ? step.atMs - last : 0;
    if (step.opens) isOpen = true;
    step.isOpen = isOpen;
    if (step.closes) isOpen = false;
    // Two equal steps can have the same millisecond.
    seen.set(step.key, (seen.get(step.key) ?? 0) + 1);
    step.key += ` ${seen.get(step.key)}`;
    last = step.atMs;
  }
  return steps;
}

/** Returns a request and its reply. */
function asked(request) {
  const { number, atMs, durationMs, status, outcome } = request;
  const isRefused = isBad(request);
  const said = [status ?? "no reply", outcome, `after ${duration(durationMs)}`].filter(Boolean).join(" · ");
  return [
    { key: `q${number}`, way: "request", atMs, index: number, text: operation(request) },
    { key: `p${number}`, way: "reply", atMs: atMs + durationMs, index: number, text: said, tone: isRefused ? "bad" : "good" },
  ];
}

const OPERATIONS = {
  new_tracks: "tracks/new",
  establish_data_channels: "datachannels/establish",
};
const named = ({ track, mid }) => track ? `${shortName(track)} (mid ${mid})` : `mid ${mid}`;

/** Events that the emulator has seen, by kind: the direction and the words. */
const HAPPENINGS = {
  created: () => ["note", "session made"],
  waits: () => ["note", "the request waits for the connection or for packets"],
  offered: ({ operation: name }) => ["note", `SFU's offer of ${OPERATIONS[name] ?? name} awaits its answer`, { opens: true }],
  answered: ({ operation: name }) => ["note", `answer to the offer of ${OPERATIONS[name] ?? name} accepted`, { closes: true }],
  tookOffer: () => ["note", "agent's offer answered"],
  connected: () => ["both", "connected: ICE and DTLS are up", { tone: "good" }],
  disconnected: () => ["both", "connection lost", { tone: "bad" }],
  published: (what) => ["note", `publishes ${named(what)}`],
  pulled: (what) => ["note", `pulls ${named(what)} from ${short(what.publisher)}`],
  firstPacket: (what) => [what.location === "local" ? "up" : "down", `first packet of ${named(what)}`, { tone: "good" }],
  closed: (what) => ["note", `closed ${named(what)}`],
  collected: (what) => ["note", `closed ${named(what)}: no packets`, { tone: "bad" }],
  sourceEnded: (what) => ["note", `the source of ${named(what)} has ended`],
  expired: () => ["note", "session expired", { tone: "bad", closes: true }],
};

function happened(happening, index) {
  const [way, text, more] = (HAPPENINGS[happening.kind] ?? (({ kind }) => ["note", kind]))(happening);
  const full = happening.track ?? happening.publisher;
  return { key: `h${happening.atMs} ${text} ${happening.mid ?? ""}`, way, atMs: happening.atMs, index, text, full, ...more };
}

function make() {
  return element("li", {}, element("span", { class: "pause" }), element("span", { class: "time" }),
    element("span", { class: "step" }, element("span", { class: "hidden" }), element("span", { class: "words" })));
}

function update(item, { way, since, pause, isOpen, text, tone, full }) {
  const [rest, time, step] = item.children;
  const [reads, words] = step.children;
  set(item, "class", [way, tone, isOpen ? "open" : ""].filter(Boolean).join(" "));
  rest.hidden = !pause;
  say(rest, pause ? `${duration(pause)} later` : "");
  say(time, `+${(since / 1000).toFixed(3)}`);
  say(reads, `${WAYS[way]}: `);
  say(words, text);
  set(words, "data-full", full);
}
