// Requests that the original punishes. They are read while the list is unfolded.

import * as api from "./api.js";
import { button, element, folded, keyed, say, table } from "./dom.js";
import { duration, short } from "./names.js";

/** Violations that are listed at first. */
const FEW = 15;

const WORDS = {
  overlap: "came while another change was under way",
  overlapAfterHangUp: "came while another change was under way whose sender had hung up",
  noOpenOffer: "an answer, and no offer waits for one",
  openOffer: "came while an offer awaited its answer",
  sessionGone: "the session was said to be gone before",
  offerExpired: "the offer was never answered",
  tooManyRequests: "more requests in a second than a session takes",
  forcedMid: "published on a mid that was closed by force",
};

const place = document.getElementById("violations");
const none = element("p", { class: "muted" });
let now = 0;
let context = null;

const list = folded(table("What the original punishes, the newest first", [
  { head: "Operation", isHead: true, kind: "operation", fill: ({ operation }) => operation },
  { head: "Session", fill: ({ session }, cell) => keyed(cell, [session], (id) => id,
    (id) => button(short(id), () => context.select(id), { class: "id", "data-full": id })) },
  { head: "What", fill: ({ kind }) => WORDS[kind] ?? kind },
  { head: "Ago", kind: "number late", fill: ({ atMs }) => duration(Math.max(0, now - atMs)) },
]), FEW);

/** Prepares the part of the page. */
export function prepare(given) {
  context = given;
  place.append(none, list.node);
  place.addEventListener("toggle", context.look);
}

/** Returns the violations while the list is unfolded, else null. */
export const look = () => place.open ? api.violations() : null;

/** Shows the violations. */
export function show(violations, at) {
  now = at;
  const newest = (violations ?? []).map((violation, index) => ({ ...violation, index })).reverse();
  list.show(newest, ({ atMs, session, kind, index }) => `${atMs} ${session} ${kind} ${index}`);
  list.node.hidden = newest.length === 0;
  say(none, "Nothing that the original punishes was done.");
  none.hidden = newest.length > 0;
}
