/* Measurements of a room: speakers, and the quality of the connection. */

const LEVEL = 0.02; // Least level of a voice, above the noise of a room.
const PAUSE = 600; // Longest pause between words.

export class Meter {
  #spoken = new Map();
  #pc = null;
  #sums = { lost: 0, received: 0 };
  #emit;
  quality = null;

  constructor(emit) {
    this.#emit = emit;
  }

  /* Reports the speakers, by the levels of senders and receivers. */
  async listen(members, ends) {
    const levels = new Map(members.map((id) => [id, 0]));
    for (const [id, end] of ends) {
      const level = await levelOf(end).catch(() => 0);
      levels.set(id, Math.max(level, levels.get(id) ?? 0));
    }
    const now = Date.now();
    for (const [id, level] of levels) {
      if (level <= LEVEL) continue;
      if (!this.#spoken.has(id)) this.#emit("speaking", { member: id, isSpeaking: true });
      this.#spoken.set(id, now + PAUSE);
    }
    for (const [id, until] of this.#spoken) {
      if (until > now && levels.has(id)) continue;
      this.#spoken.delete(id);
      this.#emit("speaking", { member: id, isSpeaking: false });
    }
    this.#emit("levels", { levels });
  }

  /* Rates the connection by its loss and round trip. */
  async rate(pc) {
    if (pc.connectionState !== "connected") return;
    const sums = { lost: 0, received: 0 };
    let [roundTrip, lossThere] = [0, 0];
    for (const stat of (await pc.getStats()).values()) {
      if (stat.type === "inbound-rtp") {
        sums.lost += stat.packetsLost ?? 0;
        sums.received += stat.packetsReceived ?? 0;
      }
      if (stat.type === "remote-inbound-rtp") lossThere = Math.max(lossThere, stat.fractionLost ?? 0);
      if (stat.type === "candidate-pair" && stat.nominated) roundTrip = Math.max(roundTrip, stat.currentRoundTripTime ?? 0);
    }
    const before = pc === this.#pc ? this.#sums : { lost: 0, received: 0 };
    const [lost, received] = [sums.lost - before.lost, sums.received - before.received];
    [this.#pc, this.#sums] = [pc, sums];
    const lossHere = received > 0 && lost > 0 ? lost / (lost + received) : 0;
    const loss = Math.max(lossHere, lossThere);
    const level = loss > 0.08 || roundTrip > 0.5 ? "poor" : loss > 0.02 || roundTrip > 0.25 ? "fair" : "good";
    this.quality = { level, loss, roundTrip };
    this.#emit("quality", this.quality);
  }
}

/* Returns the loudness of a sender or a receiver, from 0 to 1. */
async function levelOf(end) {
  const level = end.getSynchronizationSources?.()[0]?.audioLevel;
  if (level !== undefined) return level;
  for (const stat of (await end.getStats()).values()) if (stat.audioLevel !== undefined) return stat.audioLevel;
  return 0;
}
