// Short names, and figures for people.

const SHORTEST = 4;
const LONGEST = 8;
let length = SHORTEST;

/** Finds the shortest length that tells all ids apart. */
export function learn(ids) {
  for (length = SHORTEST; length < LONGEST; length += 1) {
    if (new Set(ids.map((id) => id.slice(0, length))).size === ids.length) return;
  }
}

/** Returns the beginning of an id. */
export function short(id) {
  return (id ?? "?").slice(0, length);
}

/** Returns a name of a track or channel, cut if it is random. */
export function shortName(name) {
  const isRandom = /^[0-9a-f-]{16,}$/i.test(name);
  if (isRandom) return `${name.slice(0, 6)}…`;
  return name.length > 18 ? `${name.slice(0, 16)}…` : name;
}

/** Returns bits a second as text, from bytes a second. */
export function bits(bytes) {
  const kilobits = bytes * 8 / 1000;
  if (kilobits >= 1000) return `${(kilobits / 1000).toFixed(1)} Mbit/s`;
  return `${kilobits >= 10 || kilobits === 0 ? Math.round(kilobits) : kilobits.toFixed(1)} kbit/s`;
}

/** Returns milliseconds as text, in seconds or a larger unit. */
export function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  return `${Math.floor(ms / 3_600_000)} h`;
}

/** Returns a number with its noun. */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Returns a path below the app: `POST tracks/new`. */
export function operation({ method, path }) {
  const parts = path.split("/").slice(4);
  const rest = parts[0] === "sessions" && parts.length > 2 ? parts.slice(2) : parts;
  const isId = parts[0] === "sessions" && parts.length === 2 && parts[1] !== "new";
  return `${method} ${isId ? "session" : rest.join("/")}`;
}
