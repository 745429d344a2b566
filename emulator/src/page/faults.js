// Faults to order with a click, and those that were ordered.

import * as api from "./api.js";
import { button, element, keyed, say, set } from "./dom.js";
import { copy, curlOfFault, notify } from "./copy.js";
import { short } from "./names.js";

const OPERATIONS = [
  "new_session", "new_tracks", "renegotiate", "close_tracks", "update_tracks", "establish_data_channels",
  "new_data_channels", "update_data_channels", "close_data_channels", "get_session",
  "new_websocket_adapters", "close_websocket_adapters",
];
/** Operations whose paths name no session. */
const WITHOUT_SESSION = ["new_session", "new_websocket_adapters", "close_websocket_adapters"];

/** Kinds of faults: the label, the value if there is one, and the fault. */
const KINDS = {
  delay: ["do it later", ["by ms", 3000], (ms) => ({ kind: "delay", ms: Number(ms) })],
  delayReply: ["reply later", ["by ms", 3000], (ms) => ({ kind: "delayReply", ms: Number(ms) })],
  hold: ["hold until released", null, () => ({ kind: "hold" })],
  holdReply: ["hold the reply until released", null, () => ({ kind: "holdReply" })],
  dropReply: ["lose the reply", null, () => ({ kind: "dropReply" })],
  dropRequest: ["lose the request", null, () => ({ kind: "dropRequest" })],
  reset: ["reset the connection", null, () => ({ kind: "reset" })],
  truncate: ["cut the reply", null, () => ({ kind: "truncate" })],
  html: ["page of an edge", ["status", 503], (status) => ({ kind: "html", status: Number(status) })],
  reply: ["an error", ["code", "internal_error"], (code) =>
    ({ kind: "reply", status: 500, body: { errorCode: code, errorDescription: "ordered on the page" } })],
  failItems: ["the first entry fails", ["code", "not_found_track_error"], (code) => ({ kind: "failItems", code, indices: [0] })],
  omitItems: ["leave the first entry out", null, () => ({ kind: "omitItems", indices: [0] })],
  breakApt: ["an apt that points nowhere", null, () => ({ kind: "breakApt" })],
  expireSession: ["the session expires", null, () => ({ kind: "expireSession" })],
  disconnect: ["the session loses its connection", null, () => ({ kind: "disconnect" })],
};

const PRESETS = [
  ["Lose the next reply", { fault: KINDS.dropReply[2]() }],
  ["Next reply 3 s late", { fault: KINDS.delayReply[2](3000) }],
  ["Hold the next one", { fault: KINDS.hold[2]() }],
  ["Next one gets a 503 page", { fault: KINDS.html[2](503) }],
  ["Next pull fails in a 200", { operation: "new_tracks", fault: KINDS.failItems[2]("not_found_track_error") }],
  ["Next one finds it expired", { fault: KINDS.expireSession[2]() }],
];

let context = null;
let form = null;
let shownFor = null;
const ordered = element("ul", { class: "rules", "aria-label": "Ordered faults" });
const clear = button("Take all back", () => done(api.clearFaults(), "All faults are taken back."));
const release = button("Release what is held", () => done(api.release(), "Released."));
const scope = element("p", { class: "muted" });

/** Prepares the part of the page. */
export function prepare(given) {
  context = given;
  const options = (list) => list.map(([value, text]) => element("option", { value }, text));
  const kind = element("select", { name: "kind" }, ...options(Object.entries(KINDS).map(([name, [text]]) => [name, text])));
  const operation = element("select", { name: "operation" }, ...options([["", "any"], ...OPERATIONS.map((name) => [name, name])]));
  const value = element("input", { name: "value" });
  const valueLabel = element("span");
  form = element("form", { class: "order", "aria-label": "Order a fault", submit },
    element("label", {}, "What ", kind), element("label", { class: "value" }, valueLabel, " ", value),
    element("label", {}, "Operation ", operation),
    element("label", {}, "Times ", element("input", { name: "times", type: "number", min: "1", value: "1" })),
    element("label", { class: "only" }, element("input", { name: "only", type: "checkbox" }), " selected session only"),
    element("div", { class: "row" }, element("button", { class: "main" }, "Order"),
      button("Copy as curl", () => copy(curlOfFault(ruleOfForm())))));
  const suit = () => {
    const wanted = KINDS[kind.value][1];
    value.closest("label").hidden = !wanted;
    if (wanted) [valueLabel.textContent, value.value] = wanted;
  };
  kind.addEventListener("change", suit);
  suit();
  const presets = element("div", { class: "row presets" }, ...PRESETS.map(([text, rule]) =>
    button(text, () => order({ ...rule, ...scoped(rule.operation), times: 1 }))));
  const custom = element("details", {}, element("summary", {}, "Another fault"), form);
  document.getElementById("faults").append(scope, presets, custom, ordered, element("div", { class: "row" }, release, clear));
}

/** Shows the ordered rules, and the session that the next order is for. */
export function show(rules) {
  const { selected } = context;
  say(scope, selected ? `Orders are for session ${short(selected)}.` : "Orders are for any session; select one to order for it alone.");
  const { only } = form.elements;
  set(only, "disabled", !selected);
  if (selected !== shownFor) only.checked = Boolean(selected);
  shownFor = selected;
  clear.hidden = rules.length === 0;
  release.hidden = !rules.some(({ rule }) => rule.fault.kind.startsWith("hold"));
  const items = rules.map((rule, index) => ({ ...rule, index }));
  keyed(ordered, items, ({ rule, index }) => `${index} ${JSON.stringify(rule)}`, make, (item, { happened }) => {
    say(item.children[1], `happened ${happened}×`);
    set(item.children[1], "class", happened > 0 ? "good" : "muted");
  });
}

function make({ rule }) {
  const { fault, operation, session, times, nth } = rule;
  const what = KINDS[fault.kind]?.[0] ?? fault.kind;
  const parts = [what, operation, session && `session ${short(session)}`, nth && `call ${nth}`, times && `${times}×`];
  return element("li", {}, element("span", {}, parts.filter(Boolean).join(" · ")), element("span"),
    button("curl", () => copy(curlOfFault(rule)), { class: "quiet", "aria-label": `Copy the fault ${what} as curl` }));
}

/** Returns the session of an order, if its operation has one. */
function scoped(operation) {
  const hasSession = !WITHOUT_SESSION.includes(operation);
  return context.selected && hasSession ? { session: context.selected } : {};
}

function ruleOfForm() {
  const { kind, value, operation, times, only } = form.elements;
  return {
    ...operation.value ? { operation: operation.value } : {},
    ...only.checked ? scoped(operation.value) : {},
    ...times.value ? { times: Number(times.value) } : {},
    fault: KINDS[kind.value][2](value.value),
  };
}

function submit(event) {
  event.preventDefault();
  order(ruleOfForm());
}

const order = (rule) => done(api.order(rule), "Ordered.");

async function done(call, text) {
  try {
    await call;
    notify(text);
  } catch (error) {
    notify(`Refused: ${error.message}`);
  }
  context.look();
}
