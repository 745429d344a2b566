/* Connections of a room: refusals, one connection for media with its session, and the one for
   events. */

const SILENCE = 25_000; // A connection for events on which nothing came is dead.
const CONNECT = 15_000; // ICE and DTLS.
const DISCONNECTED = 4_000; // A connection may come back by itself.
const SOCKETS = 12; // The most connections for events in a row: more than a minute.

/* Advice to the person, for each reason for which a room has failed. */
export const ADVICE = {
  network: "The server cannot be reached. Check your connection, then try again.",
  media: "Sound and pictures do not get through. Another network, or a VPN that is off, may help.",
  removed: "A moderator has removed you from the room.",
  ended: "The room was ended.",
  full: "The room is full. Try again when somebody has left.",
  forbidden: "You may not enter this room. Ask whoever invited you.",
  expired: "You were away for too long. Enter again.",
  server: "The server could not do its part. Try again in a moment.",
};

/* Refusal, or no reply at all (status 0). */
export class CallsError extends Error {
  constructor(status, { errorCode = "", errorDescription = "", remedy } = {}) {
    super(errorDescription || errorCode || (status ? `status ${status}` : "no reply"));
    Object.assign(this, { name: "CallsError", status, code: errorCode, remedy });
  }

  get reason() {
    if (this.status === 0) return "network";
    if (this.status === 401) return "expired";
    if (this.status === 403) return "forbidden";
    return this.code === "room_full" ? "full" : "server";
  }

  get advice() {
    return ADVICE[this.reason];
  }

  /* Returns whether only a new session helps: the old one has ended, or its state is unknown. */
  get isFatal() {
    const isUnclear = ["rejoin", "inspect"].includes(this.remedy) || this.status >= 500;
    const isOfExchange = ["invalid_session_description", "signaling_state_not_stable"].includes(this.code);
    return isUnclear || isOfExchange || [0, 401, 410, 425].includes(this.status);
  }
}

/* Reason for which a connection is given up, other than a request. */
export class Broken extends Error {
  constructor(reason) {
    super(ADVICE[reason]);
    this.reason = reason;
  }
}

/* Waits, unless the signal ends that. */
export const after = (ms, signal) => new Promise((then, refuse) => {
  signal?.throwIfAborted();
  const timer = setTimeout(then, ms);
  signal?.addEventListener("abort", () => (clearTimeout(timer), refuse(signal.reason)), { once: true });
});
/* Returns a pause that doubles each time, and differs between callers. */
export const backoff = (tries, most = 8_000) => Math.min(most, 300 * 2 ** tries) * (0.5 + Math.random());

/* Connection with its session. Requests under way on it end with it. */
export class Link {
  #lost;

  constructor(sessionId, iceServers, onBroken) {
    Object.assign(this, { sessionId, data: null, hasData: false, closing: [], closingChannels: [] });
    this.ending = new AbortController();
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.connected = new Promise((then, refuse) => {
      this.pc.addEventListener("connectionstatechange", () => {
        clearTimeout(this.#lost);
        const { connectionState } = this.pc;
        if (connectionState === "connected") then();
        if (connectionState === "failed") onBroken("network");
        if (connectionState === "disconnected") this.#lost = setTimeout(onBroken, DISCONNECTED, "network");
      });
      this.ending.signal.addEventListener("abort", () => refuse(this.ending.signal.reason));
    });
    this.connected.catch(() => {});
    this.onBroken = onBroken;
  }

  /* Returns whether a session description was exchanged. */
  get isStarted() {
    return Boolean(this.pc.remoteDescription);
  }

  awaitConnection() {
    const timer = setTimeout(this.onBroken, CONNECT, "media");
    this.connected.finally(() => clearTimeout(timer)).catch(() => {});
  }

  /* Returns the mid of the first section. The transport ends with it, so it is never stopped. */
  get first() {
    return /^a=mid:(\S+)/m.exec(this.pc.localDescription?.sdp ?? "")?.[1];
  }

  get sections() {
    return this.pc.localDescription?.sdp.match(/^m=/gm).length ?? 0;
  }

  /* Returns our description without the codecs of closed sections, of which a long call has
     many. */
  get description() {
    const { type, sdp } = this.pc.localDescription;
    const lean = (section) => {
      const [, kind, protocol] = /^m=(\S+) 0 (\S+)/.exec(section) ?? [];
      if (!kind || kind === "application" || /^a=bundle-only/m.test(section)) return section;
      const mid = /^a=mid:\S+/m.exec(section)?.[0];
      return [`m=${kind} 0 ${protocol} 0`, "c=IN IP4 0.0.0.0", "a=inactive", mid, ""].join("\r\n");
    };
    return { type, sdp: sdp.split(/^(?=m=)/m).map(lean).join("") };
  }

  find(mid) {
    return this.pc.getTransceivers().find((transceiver) => transceiver.mid === mid);
  }

  end(reason) {
    clearTimeout(this.#lost);
    this.ending.abort(reason);
    this.pc.close();
  }
}

/* Connection for events: a WebSocket that is made again, from the last number on. */
export class Feed {
  #socket;
  #silence;
  #timer;
  #tries = 0;
  #wait = null;
  #hooks;
  isOpen = false;
  seq = null;

  constructor(hooks) {
    this.#hooks = hooks;
  }

  open(url, token) {
    this.close();
    const query = this.seq === null ? "" : `?after=${this.seq}`;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/events${query}`, ["calls.v1", `calls.token.${token}`]);
    this.#socket = socket;
    const again = () => this.#again(url, token);
    const listen = () => {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(again, SILENCE);
    };
    listen();
    socket.onmessage = ({ data }) => {
      listen();
      const event = JSON.parse(data);
      if (!this.isOpen) {
        this.isOpen = true;
        this.#hooks.opened();
      }
      if (event.type === "ping") {
        this.#tries = 0; // The connection was stable.
        return socket.send(JSON.stringify({ type: "pong" }));
      }
      const isNext = event.type === "snapshot" || event.seq === this.seq + 1;
      if (!isNext && event.seq <= this.seq) return;
      if (!isNext) {
        this.seq = null; // An event is missing: the snapshot has it.
        return again();
      }
      this.seq = event.seq;
      this.#hooks.heard(event);
    };
    socket.onclose = ({ code }) => {
      const gone = { 4001: "removed", 4002: "expired", 4003: "ended" }[code];
      if (!gone) return again();
      this.close();
      this.#hooks.gone(gone);
    };
  }

  #again(url, token) {
    this.close();
    if (this.#tries >= SOCKETS) return this.#hooks.failed();
    this.#hooks.lost();
    const open = async () => {
      clearTimeout(this.#timer);
      // A browser does not tell the reason of a refused WebSocket.
      if (await this.#hooks.isMember() && this.#wait === open) this.open(url, token);
    };
    this.#wait = open;
    this.#timer = setTimeout(open, backoff(this.#tries++));
  }

  /* Connects at once: the network has come back. */
  hurry() {
    this.#wait?.();
  }

  close() {
    clearTimeout(this.#silence);
    clearTimeout(this.#timer);
    this.#wait = null;
    this.isOpen = false;
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }
}

