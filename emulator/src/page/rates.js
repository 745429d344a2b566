// Packets and bytes a second, from one look to the next.

const NONE = { packets: 0, bytes: 0 };
let before = new Map();
let rates = new Map();

const keyOf = (session, track) => `${session.id} ${track.location} ${track.mid}`;

/** Takes all sessions of a look, each with the time of that look. */
export function measure(sessions) {
  const [now, measured] = [new Map(), new Map()];
  for (const session of sessions) {
    for (const track of session.tracks) {
      const key = keyOf(session, track);
      const { packets, bytes } = track;
      now.set(key, { packets, bytes, at: session.atMs });
      const last = before.get(key);
      const seconds = last ? (session.atMs - last.at) / 1000 : 0;
      if (seconds <= 0) continue;
      measured.set(key, {
        packets: Math.max(0, Math.round((packets - last.packets) / seconds)),
        bytes: Math.max(0, (bytes - last.bytes) / seconds),
      });
    }
  }
  [before, rates] = [now, measured];
}

/** Returns the rate of a track. Zero before the second look. */
export function rate(session, track) {
  return rates.get(keyOf(session, track)) ?? NONE;
}
