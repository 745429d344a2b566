/* An agent: one connection, and what a backend would do for it. Only an emulator is
   called by browsers themselves. */

/* Runs until a condition gives a value, or fails. */
export async function until(what, is) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const got = await is();
    if (got) return got;
    if (Date.now() > deadline) throw new Error(`no ${what} in time`);
    await new Promise((then) => setTimeout(then, 50));
  }
}

/* Shows a track, because browsers decode only tracks in use. */
export function show(track) {
  const shown = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
  shown.srcObject = new MediaStream([track]);
  document.body.append(shown);
}

/* Limits a sender to one of its codecs. */
function choose(transceiver, codec) {
  const { codecs } = RTCRtpReceiver.getCapabilities(transceiver.sender.track.kind);
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === codec || mimeType.endsWith("/rtx")));
}

/* Returns the one statistic of its kind. */
export async function statistic(connection, type, kind) {
  const all = [...(await connection.getStats()).values()];
  return all.find((stat) => stat.type === type && stat.kind === kind);
}

export class Agent {
  constructor({ url, app, secret }) {
    this.base = `${url}/apps/${app}`;
    this.secret = secret;
    this.channels = new Map();
    this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.connection.addEventListener("track", ({ track }) => show(track));
  }

  async call(method, path, body) {
    const headers = { authorization: `Bearer ${this.secret}` };
    const reply = await fetch(this.base + path, { method, headers, body: body && JSON.stringify(body) });
    const json = await reply.json();
    const failed = [json, ...json.tracks ?? [], ...json.dataChannels ?? []].find((item) => item.errorCode);
    if (!reply.ok || failed) throw new Error(`${path}: ${reply.status} ${failed?.errorCode}`);
    return json;
  }

  /* Joins. Returns the session's id. */
  async join() {
    this.session = `/sessions/${(await this.call("POST", "/sessions/new")).sessionId}`;
    return this.session.split("/").pop();
  }

  /* Publishes a track of each kind, with this codec alone: {audio: "audio/opus"}. */
  async publish(codecs) {
    const stream = await navigator.mediaDevices.getUserMedia(Object.fromEntries(
      Object.keys(codecs).map((kind) => [kind, true])));
    for (const track of stream.getTracks()) {
      choose(this.connection.addTransceiver(track, { direction: "sendonly" }), codecs[track.kind]);
    }
    await this.offer();
  }

  /* Publishes a picture in these layers, each half as wide as the one before. Returns
     the widths. */
  async publishLayers(...rids) {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    const [track] = stream.getVideoTracks();
    const sendEncodings = rids.map((rid, at) => ({ rid, scaleResolutionDownBy: 2 ** at }));
    // Of the codecs with layers, every browser knows only VP8.
    choose(this.connection.addTransceiver(track, { direction: "sendonly", sendEncodings }), "video/VP8");
    await this.offer();
    return rids.map((_, at) => track.getSettings().width / 2 ** at);
  }

  /* Offers all that the connection sends as tracks, which are named by their kind. */
  async offer() {
    await this.connection.setLocalDescription();
    const reply = await this.call("POST", `${this.session}/tracks/new`, {
      sessionDescription: this.connection.localDescription,
      tracks: this.connection.getTransceivers().map((transceiver) =>
        ({ location: "local", mid: transceiver.mid, trackName: transceiver.sender.track.kind })),
    });
    await this.connection.setRemoteDescription(reply.sessionDescription);
    await until("a connection", () => this.connection.connectionState === "connected");
  }

  /* Answers an offer of the SFU. */
  async answer(reply) {
    if (!reply.requiresImmediateRenegotiation) return;
    await this.connection.setRemoteDescription(reply.sessionDescription);
    await this.connection.setLocalDescription();
    const sessionDescription = this.connection.localDescription;
    await this.call("PUT", `${this.session}/renegotiate`, { sessionDescription });
  }

  async pull(...tracks) {
    const remote = tracks.map((track) => ({ location: "remote", ...track }));
    await this.answer(await this.call("POST", `${this.session}/tracks/new`, { tracks: remote }));
  }

  /* Prefers another layer of the one track that it receives. */
  async prefer(track, preferredRid) {
    const { mid } = this.connection.getTransceivers().find(({ receiver, currentDirection }) =>
      receiver.track.kind === track.trackName && currentDirection === "recvonly");
    const tracks = [{ location: "remote", ...track, mid, simulcast: { preferredRid } }];
    await this.call("PUT", `${this.session}/tracks/update`, { tracks });
  }

  /* Closes the first section by an offer. */
  async closeFirst() {
    const [first] = this.connection.getTransceivers();
    const { mid } = first;
    first.stop();
    await this.connection.setLocalDescription();
    const sessionDescription = this.connection.localDescription;
    const tracks = [{ mid }];
    const reply = await this.call("PUT", `${this.session}/tracks/close`, { tracks, sessionDescription, force: false });
    await this.connection.setRemoteDescription(reply.sessionDescription);
  }

  /* Waits until this much more of each kind has come: bytes of sound, decoded pictures.
     Returns the codecs. */
  async receive(more) {
    const read = {
      audio: (stat) => stat?.bytesReceived ?? 0,
      video: (stat) => stat?.framesDecoded ?? 0,
    };
    const codecs = {};
    for (const [kind, count] of Object.entries(more)) {
      const now = async () => read[kind](await statistic(this.connection, "inbound-rtp", kind));
      const before = await now();
      await until(`more ${kind}`, async () => await now() >= before + count);
      const { codecId } = await statistic(this.connection, "inbound-rtp", kind);
      codecs[kind] = (await this.connection.getStats()).get(codecId).mimeType;
    }
    return codecs;
  }

  /* Waits until the received picture has this width. */
  async receiveWidth(width) {
    await until(`picture ${width} wide`, async () =>
      (await statistic(this.connection, "inbound-rtp", "video"))?.frameWidth === width);
  }

  isConnected() {
    return this.connection.connectionState === "connected";
  }

  /* Opens a data channel, and the transport before the first one. */
  async open(wanted) {
    if (!this.channels.size) {
      const dataChannel = { location: "remote", dataChannelName: "server-events" };
      await this.answer(await this.call("POST", `${this.session}/datachannels/establish`, { dataChannel }));
    }
    const reply = await this.call("POST", `${this.session}/datachannels/new`, { dataChannels: [wanted] });
    const [{ id }] = reply.dataChannels;
    const channel = this.connection.createDataChannel(wanted.dataChannelName, { negotiated: true, id });
    const heard = [];
    channel.addEventListener("message", ({ data }) => heard.push(data));
    this.channels.set(wanted.dataChannelName, { channel, heard });
    await until("an open channel", () => channel.readyState === "open");
  }

  say(name, text) {
    this.channels.get(name).channel.send(text);
  }

  /* Returns the next message on a channel. */
  async hear(name) {
    const { heard } = this.channels.get(name);
    await until("a message", () => heard.length);
    return heard.shift();
  }

  close() {
    this.connection.close();
  }
}
