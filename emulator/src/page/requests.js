// The newest requests of all sessions.

import { button, folded, keyed, set, table } from "./dom.js";
import { copy, curlOfRequest } from "./copy.js";
import { duration, operation, short } from "./names.js";

/** Requests that are shown at first. */
const FEW = 15;

let now = 0;
let context = null;

const list = folded(table("Newest requests, the newest first", [
  { head: "Request", isHead: true, kind: "operation", fill: (request, cell) => (set(cell, "data-full", request.path), operation(request)) },
  { head: "Session", fill: chooser },
  { head: "Status", fill: (request, cell) => (set(cell, "class", isBad(request) ? "bad" : "good"), request.status ?? "no reply") },
  { head: "Outcome", kind: "outcome", fill: ({ outcome }) => outcome ?? "" },
  { head: "Took", kind: "number", fill: ({ durationMs }) => duration(durationMs) },
  { head: "Ago", kind: "number late", fill: ({ atMs }) => duration(Math.max(0, now - atMs)) },
  { label: "Copy", kind: "copy", fill: copier },
]), FEW);
document.getElementById("request-list").append(list.node);

/** Returns true if a request failed, in whole or in part. */
export const isBad = ({ status, outcome }) => status === null || status >= 400 || Boolean(outcome);

/** Shows the requests, the newest first. */
export function show(requests, at, given) {
  [now, context] = [at, given];
  list.show(requests.toReversed(), ({ number }) => number);
}

function chooser({ session, created }, cell) {
  const id = session ?? created;
  keyed(cell, id ? [id] : [], (key) => key,
    () => button(short(id), () => context.select(id), { class: "id", "data-full": id }));
}

function copier(request, cell) {
  keyed(cell, [request], () => "copy", () => button("curl", () => copy(curlOfRequest(request)),
    { class: "quiet", "aria-label": `Copy ${operation(request)} as curl` }));
}
