/* A participant of a meeting by partytracks, whose server function is on this page's
   origin. */

import { PartyTracks } from "partytracks/client";
import { BehaviorSubject, firstValueFrom, of } from "rxjs";

import { show, statistic, until } from "./agent.js";

export class Party {
  constructor() {
    this.tracks = new PartyTracks();
    this.pushed = new Map();
    this.pulled = new Map();
    this.rids = new Map();
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

  /* Drops the last reference, so that the track is closed. Returns once that is answered. */
  async drop(kind, what) {
    const closed = (await this.outcomes("/tracks/close")).length;
    this[what].get(kind).subscription.unsubscribe();
    await until("an answer", async () => (await this.outcomes("/tracks/close")).length > closed);
  }

  /* Returns the codes of the replies to an operation. */
  outcomes(operation) {
    return this.tracks.history.entries
      .filter(({ type, endpoint }) => type === "response" && endpoint.includes(operation))
      .map(({ body }) => [body, ...body.tracks ?? []].find((item) => item.errorCode)?.errorCode);
  }

  async connection() {
    return firstValueFrom(this.tracks.peerConnection$);
  }

  async state() {
    return (await this.connection()).connectionState;
  }

  async receiveFrames(more) {
    const connection = await this.connection();
    const decoded = async () => (await statistic(connection, "inbound-rtp", "video"))?.framesDecoded ?? 0;
    const before = await decoded();
    await until("pictures", async () => await decoded() >= before + more);
  }

  async receiveSound(more) {
    const connection = await this.connection();
    const bytes = async () => (await statistic(connection, "inbound-rtp", "audio"))?.bytesReceived ?? 0;
    const before = await bytes();
    await until("sound", async () => await bytes() >= before + more);
  }

  async receiveWidth(width) {
    const connection = await this.connection();
    await until(`picture ${width} wide`, async () =>
      (await statistic(connection, "inbound-rtp", "video"))?.frameWidth === width);
  }
}

async function capture(kind, constraints = true) {
  const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
  return stream.getTracks()[0];
}

function report(error) {
  console.error(error);
}
