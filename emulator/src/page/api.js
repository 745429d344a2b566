// Requests of the page to the emulator.

/** The most live sessions that are read. */
export const MOST_LIVE = 400;
const LARGEST_PAGE = 200;

let live = 0;

async function ask(path, options) {
  const reply = await fetch(`/__emulator/${path}`, options);
  if (reply.ok) return reply.status === 204 ? null : reply.json();
  const { errorDescription } = await reply.json().catch(() => ({}));
  throw Object.assign(new Error(errorDescription ?? `status ${reply.status}`), { status: reply.status });
}

/** Returns the state with its live sessions, and with as many expired ones as wanted. */
export async function look(expiredWanted) {
  const wanted = live + Math.max(expiredWanted, 5);
  const limit = Math.min(LARGEST_PAGE, Math.max(20, wanted));
  const state = await ask(`state?limit=${limit}`);
  live = state.summary.live;
  const sessions = [];
  for (let page = state; ; page = await ask(`state?limit=${limit}&after=${page.next}`)) {
    for (const session of page.sessions) sessions.push({ ...session, atMs: page.nowMs });
    const isExpired = sessions.at(-1)?.state === "expired";
    const most = isExpired ? live + expiredWanted : MOST_LIVE;
    if (!page.next || sessions.length >= most) break;
  }
  // A session that has expired between two pages is on both.
  const known = new Map(sessions.map((session) => [session.id, session]));
  const all = [...known.values()];
  return {
    ...state,
    sessions: all.filter((session) => session.state !== "expired"),
    expired: all.filter((session) => session.state === "expired").slice(0, expiredWanted),
  };
}

/** Returns a session with its history and requests. Null if it is not remembered. */
export async function session(id) {
  try {
    return await ask(`sessions/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Returns the rules of faults that were ordered. */
export const faults = () => ask("faults");

/** Orders a fault. */
export const order = (rule) => ask("faults", { method: "POST", body: JSON.stringify(rule) });

/** Takes all faults back. */
export const clearFaults = () => ask("faults", { method: "DELETE" });

/** Returns the requests that the original punishes. */
export const violations = () => ask("violations");

/** Releases all calls that are held. */
export const release = () => ask("release", { method: "POST" });

/** Sets the network conditions of packets. */
export const setNetwork = (network) => ask("network", { method: "PUT", body: JSON.stringify(network) });
