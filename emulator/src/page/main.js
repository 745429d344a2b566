// Page that reads the emulator's state once a second and shows it.

import * as api from "./api.js";
import * as details from "./details.js";
import { draw, offerViews } from "./drawing.js";
import { say, set } from "./dom.js";
import * as faults from "./faults.js";
import { filtered, kind, offerApps, onFilter } from "./filter.js";
import { count, learn, short } from "./names.js";
import * as network from "./network.js";
import { measure } from "./rates.js";
import * as requests from "./requests.js";
import * as sessions from "./sessions.js";
import { showTips } from "./tip.js";
import * as violations from "./violations.js";

/** Time between a look and the next one, in milliseconds. */
const INTERVAL = 1000;

const pause = document.getElementById("pause");
let isPaused = false;
let last = null;
let timer = 0;
let isLooking = false;
let isWanted = false;

/** State of all parts: the selected session, and the actions of a click. */
const context = {
  selected: decodeURIComponent(location.hash.slice(1)) || null,
  select(id) {
    const isNew = id && id !== context.selected;
    context.selected = id;
    history.replaceState(null, "", id ? `#${encodeURIComponent(id)}` : location.pathname);
    context.look().then(() => isNew && details.lead());
  },
  look,
};

/** Looks now, or once more if a look is under way. */
async function look() {
  if (isLooking) {
    isWanted = true;
    return;
  }
  isLooking = true;
  clearTimeout(timer);
  try {
    do {
      isWanted = false;
      await lookOnce();
    } while (isWanted);
  } finally {
    isLooking = false;
    timer = setTimeout(next, INTERVAL);
  }
}

function next() {
  if (isPaused || document.hidden) timer = setTimeout(next, INTERVAL);
  else look();
}

async function lookOnce() {
  try {
    const { selected } = context;
    const [state, rules, found, punished] = await Promise.all(
      [api.look(sessions.wanted()), api.faults(), selected && api.session(selected), violations.look()]);
    if (selected && !found && context.selected === selected) {
      details.missing(selected);
      context.selected = null;
    }
    last = { state, rules, found, punished };
    measure(state.sessions);
    show();
  } catch (error) {
    if (!(error instanceof TypeError) && !error.status) throw error;
    say(document.getElementById("summary"), "The emulator does not answer.");
    set(document.body, "class", "lost");
  }
}

function show() {
  if (!last) return;
  const { state, rules, found, punished } = last;
  const ids = [...state.sessions, ...state.expired].map(({ id }) => id);
  learn(ids);
  set(document.body, "class", null);
  const up = state.sessions.filter((session) => session.state === "connected").length;
  say(document.getElementById("summary"), [
    `${count(state.summary.live, "live session")}, ${up} connected`,
    state.summary.adapters > 0 && count(state.summary.adapters, "adapter"),
    `app ${state.apps.map(short).join(", ")}`, `media on ${state.media}`,
  ].filter(Boolean).join(" · "));
  offerApps(state.apps);
  const shown = filtered(state.sessions);
  draw(shown, kind(), context);
  sessions.show(shown, state, state.summary);
  details.show(found?.session.id === context.selected ? found : null);
  faults.show(rules);
  network.show(state.network);
  requests.show(state.requests, state.nowMs, context);
  violations.show(punished, state.nowMs);
}

pause.addEventListener("click", () => {
  isPaused = !isPaused;
  set(pause, "aria-pressed", String(isPaused));
});
sessions.prepare(context);
details.prepare(context);
faults.prepare(context);
network.prepare(context);
violations.prepare(context);
offerViews(show);
onFilter(show);
showTips();
look();
