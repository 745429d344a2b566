/* Publications, channels and subscriptions of a room. */

/* Two sizes of a picture, and the suffix of the names of tracks that have them. Only the suffix
   tells a subscriber of them. */
export const LAYERED = ".hl";
export const LAYERS = [{ rid: "h", maxBitrate: 1_200_000 }, { rid: "l", scaleResolutionDownBy: 4, maxBitrate: 150_000 }];

/* Returns the key of a track or a channel in a room. */
export const keyOf = ({ sessionId, trackName, dataChannelName }) => `${sessionId}/${trackName ?? `#${dataChannelName}`}`;

/* Track of ours. It outlives connections. */
export class Publication extends EventTarget {
  #hooks;
  #wait;

  constructor(track, name, trackName, encodings, hooks) {
    super();
    Object.assign(this, { track, name, trackName, encodings, muted: !track.enabled, state: "waiting" });
    Object.assign(this, { mid: null, transceiver: null, isSeen: false });
    this.#hooks = hooks;
    this.live = new Promise((then, refuse) => this.#wait = { then, refuse });
    this.live.catch(() => {});
  }

  /* Sends another track of the same kind: another camera, say. */
  async replace(track) {
    track.enabled = !this.muted;
    this.track = track;
    await this.transceiver?.sender.replaceTrack(track);
  }

  mute() {
    this.track.enabled = false;
    this.muted = true;
    return this.#hooks.tell(this);
  }

  /* Unmutes it. A track that a moderator has closed is published anew. */
  async unmute() {
    this.track.enabled = true;
    this.muted = false;
    if (this.state !== "removed") return this.#hooks.tell(this);
    this.become("waiting");
    this.#hooks.wake();
  }

  /* Publishes it no longer. The page has to stop the track itself. */
  close() {
    this.#hooks.close(this);
  }

  become(state, error) {
    if (state !== "live") Object.assign(this, { mid: null, transceiver: null, isSeen: false });
    this.state = state;
    if (state === "live") this.#wait.then(this);
    if (state === "closed") this.#wait.refuse(error ?? new Error("closed"));
    this.dispatchEvent(new CustomEvent("state", { detail: { state, error } }));
  }
}

/* Data channels of one name: ours, and those of the others. */
export class Channel extends EventTarget {
  #close;

  constructor(name, options, close) {
    super();
    Object.assign(this, { name, options, data: null, isAsked: false, notBefore: 0, tries: 0, peers: new Map() });
    this.#close = close;
  }

  get isOpen() {
    return this.data?.readyState === "open";
  }

  /* Sends a message. Returns whether it was sent. */
  send(data) {
    const { isOpen } = this;
    if (isOpen) this.data.send(data);
    return isOpen;
  }

  close() {
    this.#close();
  }

  reset() {
    Object.assign(this, { data: null, tries: 0, notBefore: 0 });
    this.peers.clear();
  }
}

/* Returns the view of a track of another member for the page. */
export function shown({ key, member, sessionId, trackName, kind, track, mid }) {
  return { key, member, sessionId, trackName, name: trackName.replace(/-\d+(\.hl)?$/, ""), kind, track, mid };
}

/* Returns the request for a layer. */
export function layer(preferredRid) {
  return preferredRid ? { simulcast: { preferredRid, priorityOrdering: "asciibetical", ridNotAvailable: "asciibetical" } } : {};
}
