/* Room of cloudflare-calls-server in a browser. It has no dependencies and no build step. The
   types are in calls.d.ts. The other files of this folder belong to it.

   The wanted and the actual state are kept apart: publications, subscriptions and channels are
   the wanted one. One loop (`#run`) takes the missing steps, one exchange of session
   descriptions after the other. A lost connection is therefore no special case: the loop takes
   the steps again in a new session. */

import { ADVICE, Broken, CallsError, Feed, Link, after, backoff } from "./connection.js";
import { Meter } from "./measure.js";
import { Channel, LAYERED, LAYERS, Publication, keyOf, layer, shown } from "./parts.js";

export { CallsError };

const REQUEST = 45_000; // The server asks again for tracks that do not flow yet.
const STABLE = 20_000; // After that, failures are counted anew.
const SESSIONS = 5; // The most new sessions in a row.
const WAITS = 8; // "Try again" in a row.
const ITEMS = 5; // The most pulls of a track that does not exist yet.
const SECTIONS = 200; // The most media sections of one connection. Closed ones are not used again.

export class Room extends EventTarget {
  #url;
  #options;
  #token = null;
  #iceServers = [];
  #feed;
  #rejoins = 0;

  #link = null;
  #old = null; // Session that the next one replaces.
  #tries = 0;
  #trouble = { media: null, events: null };
  #end = null;
  #shown = "";

  #publications = new Set();
  #channels = new Map();
  #remotes = new Map();
  #chosen = new Map(); // Choices of `subscribe` and `unsubscribe`.
  #names = 0;

  #isRunning = false;
  #isAsked = false;
  #timers = [];
  #calls = 0;
  #meter;

  members = new Map();
  me = null;
  state = "connecting";
  reason = null;

  constructor(url, options = {}) {
    super();
    this.#url = new URL(url, document.baseURI).href.replace(/\/$/, "");
    this.#options = options;
    this.#meter = new Meter((type, detail) => this.#emit(type, detail));
    this.#feed = new Feed({
      opened: () => this.#setTrouble("events", null),
      heard: (event) => this.#hear(event),
      lost: () => this.#setTrouble("events", "network"),
      failed: () => this.#fail("network"),
      gone: (reason) => reason === "expired" ? this.#rejoin() : this.#fail(reason),
      isMember: () => this.#isMember(),
    });
  }

  /* Makes a room and enters it. */
  static async join(url, options) {
    const room = new Room(url, options);
    await room.join();
    return room;
  }

  /* Enters the room: makes a member, and its connection for events. After a failure it enters
     again, as the same member if that still exists. */
  async join() {
    if (!["connecting", "failed", "left"].includes(this.state) || this.#timers.length) return;
    if (!["network", "media", "server"].includes(this.#end?.reason)) this.#token = null;
    this.#end = null;
    this.#tries = this.#rejoins = 0;
    this.#timers = [
      setInterval(() => this.#meter.listen([...this.members.keys()], this.#soundEnds()), 150),
      setInterval(() => this.#link && this.#meter.rate(this.#link.pc), 2_000),
    ];
    addEventListener("pagehide", this.#leaveWithPage);
    addEventListener("online", this.#hurry);
    try {
      if (!this.#token) await this.#enter();
      // If the member has gone, the loop enters again.
      else if (await this.#isMember()) this.#feed.open(this.#url, this.#token);
    } catch (error) {
      this.#fail(error.reason ?? "server", error);
      throw error;
    }
    this.#show();
    this.#wake();
  }

  /* Leaves. The page may be closing, so the request outlives it. */
  async leave() {
    if (this.#end?.state === "left") return;
    const call = this.#token && this.#call("DELETE", "members/{id}", { id: this.me, keepalive: true, step: "client leaves" });
    this.#finish({ state: "left", reason: null });
    for (const publication of [...this.#publications]) this.#unpublish(publication);
    this.#token = null;
    await Promise.resolve(call).catch(() => {});
  }

  get self() { return this.members.get(this.me); }
  get publications() { return [...this.#publications]; }
  get connection() { return this.#link?.pc ?? null; }
  get sessionId() { return this.#link?.sessionId ?? null; }
  get quality() { return this.#meter.quality; }
  /* Returns the tracks of the others that are received. */
  get remotes() { return [...this.#remotes.values()].filter(({ track }) => track).map(shown); }

  /* Publishes a track. Calls in one task share one request, so publish the microphone and the
     camera together. `layers` sends a picture in two sizes, `h` and `l`. */
  async publish(track, { name = track.kind === "audio" ? "microphone" : "camera", layers = false } = {}) {
    const trackName = `${name}-${++this.#names}${layers ? LAYERED : ""}`;
    const publication = new Publication(track, name, trackName, layers ? LAYERS : [], {
      tell: (publication) => this.#tell(publication),
      wake: () => this.#wake(),
      close: (publication) => this.#unpublish(publication),
    });
    this.#publications.add(publication);
    this.#wake();
    return publication.live;
  }

  /* Opens a data channel of this name, and those of the others. */
  channel(name, options = {}) {
    const channel = this.#channels.get(name) ?? new Channel(name, options, () => {
      for (const { id, data } of channel.peers.values()) this.#closeChannel(id, data);
      this.#closeChannel(channel.data?.id, channel.data);
      this.#channels.delete(name);
    });
    this.#channels.set(name, channel);
    this.#reconcile();
    return channel;
  }

  /* Subscribes to one track. It overrides the option `subscribe`, as `unsubscribe` does. */
  subscribe(track) {
    this.#chosen.set(keyOf(track), true);
    this.#reconcile();
  }

  unsubscribe(track) {
    this.#chosen.set(keyOf(track), false);
    this.#reconcile();
  }

  /* Chooses the layer of a picture by the size of the element that shows it. Returns a function
     that ends that. A picture without layers stays as it is. */
  fit(track, element) {
    if (!track.trackName.endsWith(LAYERED)) return () => {};
    let timer;
    const choose = () => {
      const remote = this.#remotes.get(keyOf(track));
      const width = element.clientWidth * devicePixelRatio;
      if (!remote || !width) return;
      remote.rid = width > 400 ? "h" : "l";
      if (remote.rid !== remote.askedRid) this.#wake();
    };
    const observer = new ResizeObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(choose, 500);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      clearTimeout(timer);
    };
  }

  /* Changes our own data. */
  update(data) { return this.#call("PATCH", "members/{id}", { id: this.me, body: { data } }); }
  /* Closes a track of a member, removes a member, or ends the room. For moderators. */
  muteOther(id, trackName) { return this.#call("PATCH", "members/{id}", { id, body: { muted: { [trackName]: true } } }); }
  remove(id) { return this.#call("DELETE", "members/{id}", { id }); }
  end() { return this.#call("DELETE", ""); }

  /* ---- State ---- */

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #setTrouble(where, reason) {
    this.#trouble[where] = reason;
    this.#show();
  }

  #show() {
    const reason = this.#trouble.media ?? this.#trouble.events;
    const isReady = this.#feed.isOpen && (this.#link ? this.#link.pc.connectionState === "connected" : !this.#hasWork);
    const now = this.#end ?? (reason ? { state: "repairing", reason } : { state: isReady ? "connected" : "connecting", reason: null });
    const detail = { ...now, advice: ADVICE[now.reason] ?? null, attempt: this.#tries, error: now.error ?? null };
    [this.state, this.reason] = [now.state, now.reason];
    const shown = `${now.state} ${now.reason} ${now.state === "repairing" ? this.#tries : ""}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#emit("state", detail);
  }

  /* Returns whether a publication, subscription or channel needs a connection. */
  get #hasWork() {
    const isWaiting = this.publications.some(({ state }) => state === "waiting");
    return isWaiting || this.#channels.size > 0 || this.#remotes.size > 0;
  }

  #fail(reason, error) {
    if (!this.#end) this.#finish({ state: "failed", reason, error });
  }

  #finish(end) {
    this.#end = end;
    this.#feed.close();
    this.#feed.seq = null;
    this.#timers.forEach(clearInterval);
    this.#timers = [];
    removeEventListener("pagehide", this.#leaveWithPage);
    removeEventListener("online", this.#hurry);
    this.#trouble = { media: null, events: null };
    if (this.#link) this.#giveUp(this.#link, null);
    for (const remote of [...this.#remotes.values()]) this.#drop(remote);
    this.#show();
  }

  #leaveWithPage = () => void this.leave();
  #hurry = () => this.#feed.hurry();

  /* ---- Requests ---- */

  /* Sends a request. It waits as long as the reply says "try again". Other failures throw. */
  async #call(method, path, { id, query = "", body, link, keepalive = false, step = null } = {}) {
    const url = `${this.#url}${path && "/"}${path.replace("{id}", id)}${query}`;
    const headers = { ...this.#options.headers };
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    if (body) headers["content-type"] = "application/json";
    const options = { method, headers, body: body && JSON.stringify(body), keepalive };
    for (let waits = 0; ; waits += 1) {
      const { status, retryAfter, reply } = await this.#send(url, options, link, { method, path, step });
      const isEarly = status === 425 || status === 429 || reply.remedy === "wait";
      if (isEarly && waits < WAITS) await after(retryAfter * 1_000 || backoff(waits, 3_000), link?.ending.signal);
      else if (status >= 200 && status < 300 && !reply.errorCode) return reply;
      else throw new CallsError(status, reply);
    }
  }

  async #send(url, options, link, call) {
    const at = Date.now();
    const number = ++this.#calls;
    let status = 0;
    this.#emit("calling", { ...call, number, at });
    try {
      const signals = [AbortSignal.timeout(REQUEST), ...link ? [link.ending.signal] : []];
      const response = await fetch(url, { ...options, signal: AbortSignal.any(signals) });
      const text = await response.text();
      status = response.status;
      // A reply to an attempt that was given up is ignored.
      link?.ending.signal.throwIfAborted();
      let reply = {};
      try { reply = JSON.parse(text) ?? {}; } catch { /* A proxy's page, or nothing. */ }
      return { status, retryAfter: Number(response.headers.get("retry-after")), reply };
    } catch (error) {
      if (error instanceof Broken) throw error;
      throw new CallsError(0, {});
    } finally {
      this.#emit("call", { ...call, number, at, status, ms: Date.now() - at });
    }
  }

  async #enter() {
    const { name, data } = this.#options;
    const reply = await this.#call("POST", "members", { body: { name, data }, step: "client joins" });
    if (this.#end) return;
    this.#token = reply.token;
    this.me = reply.member.id;
    this.#iceServers = reply.iceServers ?? [];
    this.#old = null;
    this.#feed.seq = null;
    this.#hear({ type: "snapshot", members: reply.room.members });
    this.#feed.seq = reply.room.seq;
    this.#feed.open(this.#url, this.#token);
  }

  /* Returns whether the member still exists. True if that cannot be known. */
  async #isMember() {
    const token = this.#token;
    const error = await this.#call("GET", "").then(() => null, (error) => error);
    if (error?.status !== 401 || token !== this.#token) return token === this.#token;
    this.#rejoin();
    return false;
  }

  /* Enters again, once, after the member has gone. A removed member does not: the connection
     for events tells that. */
  async #rejoin() {
    const token = this.#token;
    if (!token) return;
    if (this.#feed.isOpen) await after(1_500);
    if (this.#end || token !== this.#token) return;
    if (this.#rejoins++ > 0) return this.#fail("expired");
    this.#token = null;
    this.#feed.close();
    this.#trouble.events = null; // No attempt is made until there is a member again.
    this.#setTrouble("media", "expired");
    if (this.#link) this.#giveUp(this.#link, "expired");
    this.#wake();
  }

  /* ---- Events ---- */

  #hear(event) {
    const member = this.members.get(event.member);
    const has = (list, item) => list.find((other) => keyOf(other) === keyOf(item));
    switch (event.type) {
      case "snapshot":
        this.members = new Map(event.members.map((member) => [member.id, member]));
        break;
      case "joined":
        this.members.set(event.member.id, event.member);
        break;
      case "left":
        this.members.delete(event.member);
        if (event.member === this.me) return event.reason === "expired" ? this.#rejoin() : this.#fail(event.reason === "ended" ? "ended" : "removed");
        break;
      case "published": {
        const [list, item] = event.track ? [member?.tracks, event.track] : [member?.channels, event.channel];
        if (list && !has(list, item)) list.push(item);
        break;
      }
      case "unpublished":
        if (!member) break;
        member.tracks = member.tracks.filter((item) => keyOf(item) !== keyOf(event));
        member.channels = member.channels.filter((item) => keyOf(item) !== keyOf(event));
        break;
      case "muted":
      case "unmuted": {
        const track = has(member?.tracks ?? [], event);
        if (track) track.muted = event.type === "muted";
        break;
      }
      case "changed":
        if (member) member.data = event.data;
        break;
      case "away":
      case "here":
        if (member) member.presence = event.type;
        break;
    }
    this.#checkOwn(event);
    this.#reconcile();
    if (event.type !== "snapshot") this.#emit(event.type, { ...event, name: (member ?? event.member)?.name });
    this.#emit("members", { members: this.members });
  }

  /* Checks the room's view of our own tracks. A track that has vanished from it was closed by a
     moderator, or the session has ended. */
  #checkOwn(event) {
    const link = this.#link;
    if (!link) return;
    const seen = new Set(this.self?.tracks.map(keyOf));
    const isThere = ({ trackName }) => seen.has(keyOf({ sessionId: link.sessionId, trackName }));
    const live = this.publications.filter(({ state }) => state === "live");
    for (const publication of live) publication.isSeen ||= isThere(publication);
    const gone = live.filter((publication) => publication.isSeen && !isThere(publication));
    if (!gone.length) return;
    const isOver = event.type === "snapshot" ? gone.length === live.length && gone.length > 1 : !event.by;
    if (isOver) return this.#giveUp(link, "server");
    for (const publication of gone) {
      const { transceiver } = publication;
      transceiver.sender.replaceTrack(null).catch(() => {});
      // The SFU has closed it. The next offer says the same.
      if (transceiver.mid !== link.first) transceiver.stop();
      publication.track.enabled = false;
      publication.muted = true;
      publication.become("removed");
      this.#emit("silenced", { publication, by: event.by ?? null });
    }
  }

  /* Updates the subscriptions to the tracks of the room. */
  #reconcile() {
    if (this.#end) return;
    const tracks = new Map();
    const channels = new Map();
    const { subscribe = () => true } = this.#options;
    for (const member of this.members.values()) {
      if (member.id === this.me) continue;
      for (const track of member.tracks) {
        if (this.#chosen.get(keyOf(track)) ?? subscribe(member, track)) tracks.set(keyOf(track), { ...track, member: member.id });
      }
      for (const channel of member.channels) channels.set(keyOf(channel), { ...channel, member: member.id });
    }
    for (const remote of [...this.#remotes.values()]) if (!tracks.has(remote.key)) this.#drop(remote);
    // A microphone and a camera come one after the other, and are pulled together.
    const notBefore = Date.now() + 100;
    for (const [key, track] of tracks) {
      if (this.#remotes.has(key)) continue;
      const rid = track.trackName.endsWith(LAYERED) ? this.#options.preferredRid : undefined;
      this.#remotes.set(key, { ...track, key, rid, mid: null, track: null, tries: 0, refusals: 0, notBefore });
    }
    for (const { name, peers } of this.#channels.values()) {
      for (const [key, { id, data }] of peers) {
        if (channels.has(key)) continue;
        peers.delete(key);
        this.#closeChannel(id, data);
      }
      for (const [key, channel] of channels) {
        if (channel.dataChannelName === name && !peers.has(key)) peers.set(key, { ...channel, id: null, tries: 0, notBefore });
      }
    }
    this.#wake();
  }

  #drop(remote) {
    this.#remotes.delete(remote.key);
    remote.isGone = true;
    if (remote.mid) this.#link?.closing.push(remote.mid);
    if (remote.track) this.#emit("trackended", shown(remote));
  }

  #unpublish(publication) {
    if (!this.#publications.delete(publication)) return;
    if (publication.mid) this.#link?.closing.push(publication.mid);
    publication.transceiver?.sender.replaceTrack(null).catch(() => {});
    publication.become("closed");
    this.#wake();
  }

  #closeChannel(id, data) {
    if (!data) return;
    data.close();
    this.#link?.closingChannels.push(id);
    this.#wake();
  }

  async #tell({ trackName, muted, state }) {
    if (state !== "live") return;
    const body = { muted: { [trackName]: muted } };
    await this.#call("PATCH", "members/{id}", { id: this.me, body }).catch((error) => this.#emit("problem", { error }));
  }

  /* ---- The loop ---- */

  #wake = () => {
    this.#isAsked = true;
    if (!this.#isRunning) this.#run();
  };

  /* Takes one step after the other until nothing is missing. */
  async #run() {
    this.#isRunning = true;
    while (this.#isAsked && this.#timers.length) {
      this.#isAsked = false;
      await null; // Requests that are made in one task are carried out together.
      const link = this.#link;
      try {
        if (await this.#step(link)) this.#isAsked = true;
      } catch (error) {
        this.#isAsked = true;
        const isLate = link !== this.#link || this.#end;
        if (isLate) continue;
        if (error.status === 401) await this.#rejoin();
        else if (link) this.#giveUp(link, error.reason ?? "server", error);
        else if (error instanceof CallsError && !error.isFatal) this.#fail(error.reason, error);
        else this.#setTrouble("media", error.reason ?? "server");
      }
    }
    this.#isRunning = false;
  }

  /* Takes the next step that is missing. Returns whether there was one. */
  async #step(link) {
    if (!this.#token) return this.#attempt(() => this.#enter());
    const unpublished = this.publications.filter(({ state }) => state === "waiting");
    if (!link) {
      if (this.#hasWork) return this.#attempt(() => this.#open());
      this.#setTrouble("media", null);
      return false;
    }
    if (link.isStarted) await link.connected;
    if (unpublished.length) return this.#publish(link, unpublished);
    if (this.#channels.size && !link.hasData) return this.#establish(link);
    if (link.closing.length) return this.#close(link);
    if (link.sections > SECTIONS) throw new Broken("server");
    const pulls = this.#due([...this.#remotes.values()].filter(({ mid, refusals }) => !mid && refusals < 2));
    // A reply waits for tracks that do not flow. Those that did not before delay no others,
    // and one that may be the reason of a refused answer is pulled alone.
    const fresh = pulls.filter(({ tries, refusals }) => !tries && !refusals);
    const willing = pulls.filter(({ refusals }) => !refusals);
    const next = [fresh, willing, pulls.slice(0, 1)].find(({ length }) => length);
    if (next) return this.#pull(link, next);
    const { closingChannels } = link;
    if (closingChannels.length) return this.#closeChannels(link, closingChannels.splice(0));
    const channels = [...this.#channels.values()].flatMap((channel) =>
      [{ channel, end: channel }, ...[...channel.peers.values()].map((end) => ({ channel, end }))]);
    // A listener has no channels of its own.
    const isOpen = ({ channel, end }) => end.data || (end === channel && this.self?.role === "listener");
    const ends = this.#due(channels.filter((one) => !isOpen(one)).map(({ end }) => end));
    const due = channels.filter(({ end }) => ends.includes(end));
    // One request has only local ones or only remote ones.
    const local = due.filter(({ channel, end }) => end === channel);
    if (due.length) return this.#openChannels(link, local.length ? local : due);
    const updates = this.#due([...this.#remotes.values()].filter(({ mid, rid, askedRid }) => mid && rid !== askedRid));
    if (updates.length) return this.#update(link, updates);
    return false;
  }

  /* Returns the items that are due. The loop runs again when the next one is. */
  #due(items) {
    const left = items.map(({ notBefore }) => notBefore - Date.now()).filter((ms) => ms > 0 && ms < Infinity);
    if (left.length) setTimeout(this.#wake, Math.min(...left) + 1);
    return items.filter(({ notBefore }) => notBefore <= Date.now());
  }

  /* Schedules another try of a failed item. The number of tries is limited. */
  #postpone(item, error) {
    item.tries += 1;
    const isOver = item.tries >= ITEMS;
    item.notBefore = isOver ? Infinity : Date.now() + backoff(item.tries);
    if (isOver) this.#emit("problem", { error, track: item.trackName ? shown(item) : null });
  }

  /* Makes one of the limited attempts to get a session. */
  async #attempt(action) {
    if (this.#tries >= SESSIONS) return this.#fail(this.#trouble.media ?? "server");
    this.#tries += 1;
    this.#show();
    if (this.#tries > 1) await after(backoff(this.#tries - 1));
    // While the server cannot be reached, only the connection for events makes attempts.
    while (this.#trouble.events && !this.#end) await after(300);
    if (this.#end) return false;
    await action();
    return true;
  }

  async #open() {
    const token = this.#token;
    if (this.#old) {
      // Credentials of a TURN server may have run out meanwhile.
      const fresh = await this.#call("GET", "generate-ice-servers").catch(() => null);
      this.#iceServers = fresh?.iceServers ?? this.#iceServers;
    }
    const query = this.#old ? `?replaces=${encodeURIComponent(this.#old)}` : "";
    const { sessionId } = await this.#call("POST", "sessions/new", { query, step: "client joins" });
    if (this.#end || token !== this.#token) return;
    const link = new Link(sessionId, this.#iceServers, (reason) => this.#giveUp(link, reason));
    this.#link = link;
    link.pc.addEventListener("connectionstatechange", () => this.#show());
    link.connected.then(() => {
      this.#setTrouble("media", null);
      setTimeout(() => link === this.#link && (this.#tries = this.#rejoins = 0), STABLE);
    }).catch(() => {});
  }

  /* Gives the connection up, with all that is on it. The loop makes a new one. */
  #giveUp(link, reason, error) {
    if (link !== this.#link) return;
    this.#link = null;
    this.#old = link.sessionId;
    link.end(new Broken(reason ?? "network"));
    for (const publication of this.#publications) if (publication.state === "live") publication.become("waiting");
    for (const remote of this.#remotes.values()) Object.assign(remote, { mid: null, askedRid: undefined, tries: 0, notBefore: 0 });
    for (const channel of this.#channels.values()) channel.reset();
    if (error) this.#emit("problem", { error });
    if (!reason) return;
    this.#setTrouble("media", reason);
    this.#reconcile();
  }

  /* ---- Exchanges, each of them a step of the loop ---- */

  #session(link, method, path, body, step) {
    return this.#call(method, `sessions/{id}/${path}`, { id: link.sessionId, body, link, step });
  }

  /* Takes the SFU's answer to our offer, or answers an offer of its own. */
  async #settle(link, reply, step) {
    const { pc } = link;
    const isNew = !link.isStarted;
    if (!reply.sessionDescription) {
      if (pc.signalingState === "have-local-offer") await pc.setLocalDescription({ type: "rollback" });
      return;
    }
    await pc.setRemoteDescription(reply.sessionDescription);
    if (reply.sessionDescription.type === "offer") {
      await pc.setLocalDescription();
      await this.#session(link, "PUT", "renegotiate", { sessionDescription: link.description }, step);
    }
    if (isNew) link.awaitConnection();
    link.ending.signal.throwIfAborted();
  }

  async #offer(link) {
    await link.pc.setLocalDescription();
    return link.description;
  }

  async #publish(link, publications) {
    const { pc } = link;
    const transceivers = publications.map(({ track, encodings: sendEncodings }) =>
      pc.addTransceiver(track, { direction: "sendonly", sendEncodings }));
    // With data in the first offer no other step has to establish it.
    if (this.#channels.size) link.data ??= pc.createDataChannel("server-events", { negotiated: true, id: 0 });
    const sessionDescription = await this.#offer(link);
    const mids = transceivers.map(({ mid }) => mid);
    const tracks = publications.map(({ trackName }, at) => ({ location: "local", mid: mids[at], trackName }));
    let reply;
    try {
      reply = await this.#session(link, "POST", "tracks/new", { sessionDescription, tracks }, "client joins");
    } catch (error) {
      if (error.isFatal !== false) throw error;
      reply = { tracks: tracks.map(() => ({ errorCode: error.code, error })) };
    }
    await this.#settle(link, reply);
    link.hasData ||= Boolean(link.data && reply.sessionDescription);
    publications.forEach((publication, at) => {
      const { trackName } = publication;
      const item = reply.tracks?.find((item) => item.mid === mids[at] || item.trackName === trackName) ?? reply.tracks?.[at] ?? {};
      const transceiver = transceivers[at];
      if (item.errorCode) {
        if (transceiver.mid !== link.first) transceiver.stop();
        this.#publications.delete(publication);
        publication.become("closed", item.error ?? new CallsError(200, item));
      } else if (publication.state === "closed") {
        link.closing.push(mids[at]); // The track was closed meanwhile.
      } else {
        Object.assign(publication, { mid: mids[at], transceiver }).become("live");
        if (transceiver.sender.track !== publication.track) publication.replace(publication.track);
        if (publication.muted) this.#tell(publication);
      }
    });
    this.#checkOwn({});
    return true;
  }

  async #establish(link) {
    const dataChannel = { location: "remote", dataChannelName: "server-events" };
    const reply = await this.#session(link, "POST", "datachannels/establish", { dataChannel }, "client joins");
    await this.#settle(link, reply, "client joins");
    return link.hasData = true;
  }

  async #pull(link, remotes) {
    const step = "remote client joins";
    const tracks = remotes.map(({ sessionId, trackName, rid }) => ({ location: "remote", sessionId, trackName, ...layer(rid) }));
    for (const remote of remotes) remote.askedRid = remote.rid;
    let reply;
    try {
      reply = await this.#session(link, "POST", "tracks/new", { tracks }, step);
    } catch (error) {
      if (error.isFatal !== false) throw error;
      for (const remote of remotes) this.#postpone(remote, error);
      return true;
    }
    try {
      await this.#settle(link, reply, step);
    } catch (error) {
      if (link === this.#link && error.code === "invalid_session_description") this.#suspect(remotes, error);
      throw error;
    }
    remotes.forEach((remote, at) => {
      const item = reply.tracks?.find((item) => keyOf(item) === remote.key) ?? reply.tracks?.[at];
      const transceiver = item?.mid && !item.errorCode && link.find(item.mid);
      if (remote.isGone) return void (transceiver && link.closing.push(item.mid));
      if (!transceiver) return this.#postpone(remote, new CallsError(200, item));
      Object.assign(remote, { mid: item.mid, tries: 0, notBefore: 0, receiver: transceiver.receiver, track: transceiver.receiver.track });
      this.#emit("track", shown(remote));
    });
    return true;
  }

  /* Handles a refused answer: one of these tracks has a codec that this browser lacks, and the
     SFU takes no answer without it. The session has ended. A track that did it twice is pulled
     no more. */
  #suspect(remotes, error) {
    for (const remote of remotes) {
      remote.refusals += 1;
      if (remote.refusals > 1) this.#emit("problem", { error, track: shown(remote) });
    }
  }

  /* Closes sections by an offer, which keeps one line of each. The first section is closed by
     force, because the transport would end with it. */
  async #close(link) {
    const mids = link.closing.splice(0).filter((mid) => link.find(mid));
    const isTheirs = mids.some((mid) => link.find(mid).currentDirection === "recvonly");
    const step = isTheirs ? "remote client leaves" : null;
    if (mids.includes(link.first)) {
      await this.#session(link, "PUT", "tracks/close", { tracks: [{ mid: link.first }], force: true }, step);
    }
    const others = mids.filter((mid) => mid !== link.first);
    if (!others.length) return true;
    for (const mid of others) link.find(mid).stop();
    const sessionDescription = await this.#offer(link);
    const tracks = others.map((mid) => ({ mid }));
    const reply = await this.#session(link, "PUT", "tracks/close", { tracks, sessionDescription, force: false }, step);
    await this.#settle(link, reply, step);
    return true;
  }

  async #openChannels(link, wanted) {
    const dataChannels = wanted.map(({ channel, end }) => end === channel
      ? { location: "local", dataChannelName: channel.name, ...channel.options }
      : { location: "remote", dataChannelName: channel.name, sessionId: end.sessionId });
    let reply = {};
    try {
      reply = await this.#session(link, "POST", "datachannels/new", { dataChannels });
    } catch (error) {
      if (error.isFatal !== false) throw error;
    }
    wanted.forEach(({ channel, end }, at) => {
      const { id, errorCode } = reply.dataChannels?.[at] ?? {};
      if (errorCode || !id) return this.#postpone(end, new CallsError(200, reply.dataChannels?.[at]));
      const { ordered, maxRetransmits, maxPacketLifeTime } = end === channel ? channel.options : end;
      const options = Object.entries({ ordered, maxRetransmits, maxPacketLifeTime }).filter(([, value]) => value != null);
      const data = link.pc.createDataChannel(channel.name, { ...Object.fromEntries(options), negotiated: true, id });
      Object.assign(end, { id, data });
      data.binaryType = "arraybuffer";
      if (end === channel) data.addEventListener("open", () => channel.dispatchEvent(new Event("open")));
      else data.addEventListener("message", (event) => channel.dispatchEvent(new CustomEvent("message", {
        detail: { member: end.member, name: this.members.get(end.member)?.name, data: event.data },
      })));
    });
    return true;
  }

  async #closeChannels(link, ids) {
    const dataChannels = ids.map((id) => ({ id }));
    await this.#session(link, "PUT", "datachannels/close", { dataChannels }, "remote client leaves");
    return true;
  }

  /* Updates the layers of subscriptions. */
  async #update(link, remotes) {
    const tracks = remotes.map(({ sessionId, trackName, mid, rid }) => ({ location: "remote", sessionId, trackName, mid, ...layer(rid) }));
    const asked = remotes.map(({ rid }) => rid);
    const reply = await this.#session(link, "PUT", "tracks/update", { tracks }).catch((error) => {
      if (error.isFatal !== false) throw error;
      return { tracks: tracks.map(() => ({ errorCode: error.code })) };
    });
    remotes.forEach((remote, at) => {
      if (!reply.tracks?.[at]?.errorCode) return Object.assign(remote, { askedRid: asked[at], tries: 0, notBefore: 0 });
      remote.tries += 1;
      Object.assign(remote, remote.tries < ITEMS ? { notBefore: Date.now() + backoff(remote.tries) } : { askedRid: asked[at], notBefore: 0 });
    });
    return true;
  }

  /* Returns the ends of sound, ours and those of others. */
  #soundEnds() {
    const theirs = [...this.#remotes.values()].filter(({ kind, mid }) => kind === "audio" && mid);
    const ours = this.publications.filter(({ track, muted, transceiver }) => track.kind === "audio" && !muted && transceiver);
    return [
      ...theirs.map(({ member, receiver }) => [member, receiver]),
      ...ours.map(({ transceiver }) => [this.me, transceiver.sender]),
    ];
  }
}
