// Selected session: its tracks, its data channels and its history.

import { button, element, folded, keyed, say, set, table } from "./dom.js";
import { copy, notify } from "./copy.js";
import { bits, duration, short } from "./names.js";
import { rate } from "./rates.js";
import * as timeline from "./timeline.js";

const place = document.getElementById("details");
const title = element("h2", { id: "details-title", tabindex: "-1" });
const hint = element("p", { class: "muted" });
const facts = element("dl", { class: "facts" });
const buttons = element("div", { class: "row" });
let measured = null;
let context = null;

/** Tracks that are listed at first. */
const FEW = 8;

const tracks = folded(table("Tracks of the session", [
  { head: "Mid", isHead: true, fill: ({ mid }) => mid },
  { head: "Track", kind: "long", fill: ({ name }) => name },
  { head: "What", fill: (track, cell) => (set(cell, "class", `kind ${track.kind}`), track.codec ?? track.kind) },
  { head: "From", kind: "id", fill: ({ location, publisher }, cell) => (set(cell, "data-full", publisher), location === "local" ? "agent" : short(publisher)) },
  { head: "Status", fill: ({ isOpen, isActive }, cell) => (set(cell, "class", isActive ? "good" : "muted"), isActive ? "active" : isOpen ? "no source" : "closed") },
  { head: "Packets/s", kind: "number", fill: (track) => track.isActive ? rate(measured, track).packets : "" },
  { head: "Rate", kind: "number", fill: (track) => track.isActive ? bits(rate(measured, track).bytes) : "" },
]), FEW);
const channels = table("Data channels of the session", [
  { head: "Id", isHead: true, fill: ({ id }) => id },
  { head: "Channel", kind: "long", fill: ({ name }) => name },
  { head: "From", kind: "id", fill: ({ location, publisher }) => location === "local" ? "agent" : short(publisher) },
  { head: "Status", fill: ({ status, canReply }) => canReply ? `${status}, may reply` : status },
]);
tracks.node.classList.add("tracks");
channels.node.classList.add("channels");
const more = element("div", {}, buttons, facts, element("h3", {}, "Tracks"), tracks.node,
  element("h3", {}, "Data channels"), channels.node, element("h3", {}, "Timeline"), timeline.node);

/** Prepares the part of the page. */
export function prepare(given) {
  context = given;
  buttons.append(
    button("Copy id", () => copy(context.selected)),
    button("Copy GET as curl", () => copy(curl())),
    button("Close", () => context.select(null)),
  );
  place.append(title, hint, more);
}

let app = null;

function curl() {
  const url = `${location.origin}/v1/apps/${app}/sessions/${context.selected}`;
  return `curl -H "Authorization: Bearer $CALLS_SECRET" '${url}'`;
}

/** Shows a session with its history, or that none is selected. */
export function show(found) {
  const isThere = Boolean(found);
  more.hidden = !isThere;
  hint.hidden = isThere;
  if (!isThere) {
    say(title, "Session");
    say(hint, "Select a session to see its tracks and what happened to it.");
    return;
  }
  const { session } = found;
  [measured, app] = [session, session.app];
  say(title, `Session ${short(session.id)}`);
  const known = {
    Id: session.id,
    App: session.app,
    Label: session.correlationId,
    State: session.state,
    Age: session.state === "expired" ? null : duration(session.age),
    "Open offer": session.openExchange ? `of ${session.openExchange}, awaits its answer` : null,
    "Not listed": session.leftOut ? `${session.leftOut} tracks and channels` : null,
  };
  keyed(facts, Object.entries(known).filter(([, value]) => value), ([name]) => name,
    ([name]) => element("div", {}, element("dt", {}, name), element("dd")),
    (fact, [name, value]) => {
      say(fact.lastChild, value);
      set(fact.lastChild, "class", name === "State" ? `state ${value}` : null);
    });
  tracks.show(session.tracks, ({ mid, location, name }) => `${mid} ${location} ${name}`);
  channels.show(session.channels, ({ id }) => id);
  for (const [part, items] of [[tracks.node, session.tracks], [channels.node, session.channels]]) {
    part.hidden = part.previousElementSibling.hidden = items.length === 0;
  }
  timeline.show(found);
}

/** Scrolls to the details, or announces them if they are in sight. */
export function lead() {
  const { top, bottom } = title.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) notify(`${title.textContent} is shown.`);
  else title.focus();
}

/** Shows that a session is not remembered. */
export function missing(id) {
  notify(`Nothing is remembered of session ${id.slice(0, 8)}.`);
}
