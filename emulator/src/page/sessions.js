// The live sessions, and the expired ones folded.

import { button, element, folded, keyed, say, set, table } from "./dom.js";
import { named } from "./filter.js";
import { KINDS } from "./links.js";
import { bits, count, duration, short, shortName } from "./names.js";
import { rate } from "./rates.js";

/** Live sessions that are listed at first. */
const FEW = 25;
/** Expired sessions that are listed with each step. */
const STEP = 50;
/** Tracks that are listed by name. */
const MOST_NAMES = 4;

const gone = document.getElementById("expired");
const none = element("p", { class: "muted" });
let expiredWanted = STEP;
let list = null;
let expired = null;

/** Returns the number of expired sessions to read. */
export const wanted = () => gone.open ? expiredWanted : 0;

/** Prepares the lists. */
export function prepare(context) {
  const chooser = (session, cell) => {
    keyed(cell, [session], ({ id }) => id,
      ({ id }) => button(short(id), () => context.select(id), { class: "id", "data-full": id }),
      (node, { id }) => {
        say(node, short(id));
        set(node, "aria-pressed", String(id === context.selected));
      });
  };
  list = folded(table("Live sessions", [
    { head: "Session", isHead: true, fill: chooser },
    { head: "State", fill: state },
    { head: "Publishes", fill: published },
    { head: "Receives", fill: received },
    { head: "Age", kind: "number late", fill: ({ age }) => duration(age) },
  ]), FEW);
  expired = element("ul", { class: "ids" });
  const more = button("Show more", () => {
    expiredWanted += STEP;
    context.look();
  });
  expired.more = more;
  expired.show = (sessions) => keyed(expired, sessions, ({ id }) => id, (session) => {
    const item = element("li");
    chooser(session, item);
    return item;
  }, (item, session) => chooser(session, item));
  document.getElementById("live").append(none, list.node);
  document.getElementById("expired-list").append(expired, more);
  gone.addEventListener("toggle", context.look);
}

/** Shows the sessions. `total` has their number. */
export function show(sessions, all, total) {
  list.show(sessions, ({ id }) => id);
  list.node.hidden = sessions.length === 0;
  const hidden = all.sessions.length - sessions.length;
  const texts = [];
  if (total.live === 0) texts.push("No live session.");
  if (total.live > all.sessions.length) texts.push(`The newest ${all.sessions.length} of ${total.live} are looked at.`);
  if (hidden > 0) texts.push(`${count(hidden, "session")} left out by the filter.`);
  say(none, texts.join(" "));
  none.hidden = texts.length === 0;
  say(document.getElementById("expired-count"), total.expired);
  gone.hidden = total.expired === 0;
  expired.show(named(all.expired));
  expired.more.hidden = all.expired.length >= total.expired || !gone.open;
}

function state(session, cell) {
  const text = session.openExchange ? `${session.state}, an offer awaits its answer`
    : session.isWaiting ? `${session.state}, a request waits` : session.state;
  const label = session.correlationId ? `${text} · ${session.correlationId}` : text;
  set(cell, "class", `state ${session.state}`);
  say(cell, label);
}

/** Adds marks, each with its kind and words. */
function chips(cell, items) {
  keyed(cell, items, ({ key }) => key, () => element("span"), (chip, { kind, words, full, isStill }) => {
    set(chip, "class", `chip kind ${kind}${isStill ? " still" : ""}`);
    set(chip, "data-full", full);
    say(chip, words);
  });
}

function published(session, cell) {
  const tracks = session.tracks.filter((track) => track.location === "local" && track.isActive);
  const channels = session.channels.filter(({ location, status }) => location === "local" && status !== "inactive");
  const items = [
    ...tracks.map((track) => {
      const { packets, bytes } = rate(session, track);
      const what = track.codec ?? track.kind;
      return { key: `t ${track.mid}`, kind: track.kind, isStill: packets === 0, full: `${track.name} · mid ${track.mid}`,
        words: `${shortName(track.name)} ${what} ${bits(bytes)}` };
    }),
    ...channels.map(({ id, name }) => ({ key: `c ${id}`, kind: "data", full: `${name} · channel ${id}`, words: shortName(name) })),
  ];
  const rest = items.length - MOST_NAMES;
  chips(cell, rest > 1 ? [...items.slice(0, MOST_NAMES), { key: "rest", kind: "", words: `and ${rest} more` }] : items);
}

function received(session, cell) {
  const items = KINDS.map((kind) => {
    const tracks = kind === "data" ? [] : session.tracks.filter((track) => track.location === "remote" && track.isActive && track.kind === kind);
    const channels = kind !== "data" ? [] : session.channels.filter(({ location, status }) => location === "remote" && status !== "inactive");
    const bytes = tracks.reduce((sum, track) => sum + rate(session, track).bytes, 0);
    const number = tracks.length + channels.length;
    const noun = { audio: "audio", video: "video", data: count(number, "channel").replace(/^\d+ /, "") }[kind];
    return { key: kind, kind, number, isStill: bytes === 0 && kind !== "data",
      words: kind === "data" ? `${number} ${noun}` : `${number} ${noun} ${bits(bytes)}` };
  });
  chips(cell, items.filter(({ number }) => number > 0));
}
