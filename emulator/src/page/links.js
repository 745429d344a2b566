// Links between sessions: one for each publisher, subscriber and kind.

import { rate } from "./rates.js";

export const KINDS = ["audio", "video", "data"];

/** Returns the links among sessions, of one kind or of all. */
export function links(sessions, onlyKind) {
  const all = new Map();
  const add = (from, to, kind, { name, codec, packets, bytes }) => {
    if (onlyKind && kind !== onlyKind) return;
    const key = `${from} ${to} ${kind}`;
    const link = all.get(key)
      ?? { key, from, to, kind, names: [], codecs: new Set(), packets: 0, bytes: 0 };
    link.names.push(name);
    if (codec) link.codecs.add(codec);
    link.packets += packets;
    link.bytes += bytes;
    all.set(key, link);
  };
  for (const session of sessions) {
    for (const track of session.tracks) {
      if (track.location !== "remote" || !track.isActive) continue;
      add(track.publisher, session.id, track.kind, { ...track, ...rate(session, track) });
    }
    for (const channel of session.channels) {
      if (channel.location !== "remote" || channel.status === "inactive") continue;
      add(channel.publisher, session.id, "data", { name: channel.name, packets: 0, bytes: 0 });
    }
  }
  return [...all.values()];
}

/** Returns the content of a link, in a word or two. */
export function content(link) {
  const what = link.codecs.size > 0 ? [...link.codecs].join("+") : link.kind;
  return link.names.length > 1 ? `${link.names.length}× ${what}` : what;
}

/** Returns the links by publisher and subscriber. */
export function pairs(all) {
  const found = new Map();
  for (const link of all) {
    const key = `${link.from} ${link.to}`;
    const pair = found.get(key) ?? { key, from: link.from, to: link.to, links: [] };
    pair.links.push(link);
    found.set(key, pair);
  }
  for (const pair of found.values()) {
    pair.links.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  }
  return [...found.values()];
}
