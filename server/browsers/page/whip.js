/* Publisher by WHIP and player by WHEP, both of another project. */

import { WHEPClient } from "whip-whep/whep.js";
import { WHIPClient } from "whip-whep/whip.js";

class Whip {
  async publish(url, token) {
    this.client = new WHIPClient();
    this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) {
      this.connection.addTransceiver(track, { direction: "sendonly", streams: [stream] });
    }
    await this.client.publish(this.connection, url, token);
  }

  async view(url, token) {
    this.client = new WHEPClient();
    this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.connection.ontrack = ({ track }) => show(track);
    for (const kind of ["audio", "video"]) {
      this.connection.addTransceiver(kind, { direction: "recvonly" });
    }
    await this.client.view(this.connection, url, token);
  }

  async stop() {
    await this.client.stop();
  }

  /* Returns the bytes of sound and the decoded pictures that have come. */
  async received() {
    const stats = [...(await this.connection.getStats()).values()];
    const of = (kind) => stats.find((stat) => stat.type === "inbound-rtp" && stat.kind === kind);
    return { sound: of("audio")?.bytesReceived ?? 0, pictures: of("video")?.framesDecoded ?? 0 };
  }
}

/* Shows a track, because browsers decode only tracks in use. */
function show(track) {
  const shown = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
  shown.srcObject = new MediaStream([track]);
  document.body.append(shown);
}

globalThis.whip = new Whip();
