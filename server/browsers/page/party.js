/* Member of a room by partytracks alone. */

import { PartyTracks } from "partytracks/client";
import { BehaviorSubject, firstValueFrom, of } from "rxjs";

class Party {
  constructor() {
    this.pushed = new Map();
    this.pulled = new Map();
  }

  /* Becomes a member, whose token goes with each request of the library. */
  async enter(room, name) {
    this.room = room;
    const reply = await fetch(`${room}/members`, { method: "POST", body: JSON.stringify({ name }) });
    const { token, member, heartbeatSeconds } = await reply.json();
    Object.assign(this, { token, member });
    const headers = new Headers({ authorization: `Bearer ${token}` });
    setInterval(() => fetch(`${room}/members/${member.id}/heartbeat`, { method: "POST", headers }), heartbeatSeconds * 1_000);
    this.tracks = new PartyTracks({ prefix: room, headers });
    return member.id;
  }

  /* Publishes a picture or a sound. Returns the values that others need to pull it. */
  async push(kind, sendEncodings = []) {
    const track$ = new BehaviorSubject(await capture(kind));
    const metadata$ = this.tracks.push(track$, { sendEncodings$: of(sendEncodings) });
    const subscription = metadata$.subscribe({ error: report });
    this.pushed.set(kind, { track$, subscription });
    return firstValueFrom(metadata$);
  }

  /* Replaces the picture or sound that is sent. */
  async replace(kind, constraints) {
    this.pushed.get(kind).track$.next(await capture(kind, constraints));
  }

  async pull(kind, metadata, preferredRid) {
    const preferredRid$ = new BehaviorSubject(preferredRid);
    const track$ = this.tracks.pull(of(metadata), preferredRid && { simulcast: { preferredRid$ } });
    const subscription = track$.subscribe({ next: show, error: report });
    this.pulled.set(kind, { subscription, preferredRid$ });
    await firstValueFrom(track$);
  }

  prefer(kind, rid) {
    this.pulled.get(kind).preferredRid$.next(rid);
  }

  /* Drops the last reference, so that the library closes the track. */
  drop(kind, what) {
    this[what].get(kind).subscription.unsubscribe();
  }

  /* Returns the error codes of the replies to an operation, empty for a success. */
  outcomes(operation) {
    return this.tracks.history.entries
      .filter(({ type, endpoint }) => type === "response" && endpoint.includes(operation))
      .map(({ body }) => [body, ...body.tracks ?? []].find((item) => item.errorCode)?.errorCode ?? "");
  }

  async sessionId() {
    return (await firstValueFrom(this.tracks.session$)).sessionId;
  }

  /* Returns the status of a request about any session, with our token. */
  async ask(method, path, body) {
    const headers = { authorization: `Bearer ${this.token}` };
    return (await fetch(`${this.room}/${path}`, { method, headers, body: body && JSON.stringify(body) })).status;
  }

  async state() {
    const { members } = await (await fetch(this.room, { headers: { authorization: `Bearer ${this.token}` } })).json();
    return members.find(({ id }) => id === this.member.id);
  }

  async received(kind) {
    const stats = await (await firstValueFrom(this.tracks.peerConnection$)).getStats();
    const all = [...stats.values()].filter((stat) => stat.type === "inbound-rtp" && stat.kind === kind);
    const { bytesReceived = 0, framesDecoded = 0, frameWidth = 0 } = all.at(-1) ?? {};
    return { bytesReceived, framesDecoded, frameWidth };
  }
}

async function capture(kind, constraints = true) {
  const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
  return stream.getTracks()[0];
}

/* Shows a track, because browsers decode only tracks in use. */
function show(track) {
  const shown = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
  shown.srcObject = new MediaStream([track]);
  document.body.append(shown);
}

function report(error) {
  console.error(error);
}

globalThis.party = new Party();
