// Filter of the sessions that are shown.

import { element, keyed } from "./dom.js";

const form = document.getElementById("filter");

/** Calls back once the filter has changed. */
export function onFilter(changed) {
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
}

/** Offers the apps to choose from. */
export function offerApps(apps) {
  const list = form.elements.app;
  const all = ["", ...apps];
  keyed(list, all, (app) => app, (app) => element("option", { value: app }, app || "all"));
  list.closest("label").hidden = apps.length < 2;
}

/** Returns the kind that is shown, or an empty text for all. */
export const kind = () => form.elements.kind.value;

/** Returns the sessions that pass the filter. */
export function filtered(sessions) {
  return named(sessions).filter((session) => !kind() || kindsOf(session).includes(kind()));
}

/** Returns the sessions that match the text and the app, of any kind. */
export function named(sessions) {
  const text = form.elements.text.value.trim().toLowerCase();
  const app = form.elements.app.value;
  const has = (value) => (value ?? "").toLowerCase().includes(text);
  const isShown = (session) =>
    (!app || session.app === app)
    && (!text || has(session.id) || has(session.correlationId)
      || [...session.tracks, ...session.channels].some(({ name, publisher }) => has(name) || has(publisher)));
  return sessions.filter(isShown);
}

function kindsOf({ tracks, channels }) {
  return [...tracks.map((track) => track.kind), ...channels.map(() => "data")];
}
