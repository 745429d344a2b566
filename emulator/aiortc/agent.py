"""aiortc as agents of the emulator: media, data channels, and a close of the first
section, after which the others live on.

    python agent.py BASE_URL APP SECRET
"""

import asyncio
import json
import sys
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

# Long enough for two busy cores.
PATIENCE = 30


class Api:
    """Makes the requests of a backend."""

    def __init__(self, url, app, secret):
        self.base = f"{url}/apps/{app}"
        self.secret = secret

    def send(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.secret}"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            return json.load(reply)

    async def call(self, method, path, body=None):
        reply = await asyncio.to_thread(self.send, method, path, body)
        items = [reply, *reply.get("tracks", []), *reply.get("dataChannels", [])]
        failed = [item["errorCode"] for item in items if "errorCode" in item]
        assert not failed, f"{path}: {failed}"
        return reply


class Agent:
    """Connection with its session."""

    def __init__(self, api):
        self.api = api
        self.connection = RTCPeerConnection()
        self.received = {"audio": 0, "video": 0}
        self.tasks = []
        self.connection.on("track", self.take)

    def take(self, track):
        self.tasks.append(asyncio.ensure_future(self.count(track)))

    async def count(self, track):
        while True:
            await track.recv()
            self.received[track.kind] += 1

    async def join(self):
        self.id = (await self.api.call("POST", "/sessions/new"))["sessionId"]
        self.session = f"/sessions/{self.id}"

    def description(self):
        local = self.connection.localDescription
        return {"type": local.type, "sdp": local.sdp}

    async def remote(self, description):
        await self.connection.setRemoteDescription(
            RTCSessionDescription(description["sdp"], description["type"])
        )

    async def publish(self, *tracks):
        for track in tracks:
            self.connection.addTransceiver(track, direction="sendonly")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        wanted = [
            {"location": "local", "mid": transceiver.mid, "trackName": transceiver.kind}
            for transceiver in self.connection.getTransceivers()
        ]
        body = {"sessionDescription": self.description(), "tracks": wanted}
        reply = await self.api.call("POST", f"{self.session}/tracks/new", body)
        await self.remote(reply["sessionDescription"])
        await until("a connection", lambda: self.connection.connectionState == "connected")

    async def answer(self, reply):
        assert reply["requiresImmediateRenegotiation"]
        await self.remote(reply["sessionDescription"])
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        body = {"sessionDescription": self.description()}
        await self.api.call("PUT", f"{self.session}/renegotiate", body)

    async def pull(self, publisher, *names):
        tracks = [
            {"location": "remote", "sessionId": publisher.id, "trackName": name} for name in names
        ]
        await self.answer(await self.api.call("POST", f"{self.session}/tracks/new", {"tracks": tracks}))

    async def establish(self):
        body = {"dataChannel": {"location": "remote", "dataChannelName": "server-events"}}
        await self.answer(await self.api.call("POST", f"{self.session}/datachannels/establish", body))

    async def open(self, wanted):
        body = {"dataChannels": [wanted]}
        reply = await self.api.call("POST", f"{self.session}/datachannels/new", body)
        channel = self.connection.createDataChannel(
            wanted["dataChannelName"], negotiated=True, id=reply["dataChannels"][0]["id"]
        )
        await until("an open channel", lambda: channel.readyState == "open")
        return channel

    async def close_first(self):
        first = self.connection.getTransceivers()[0]
        mid = first.mid
        await first.stop()
        await self.connection.setLocalDescription(await self.connection.createOffer())
        body = {"tracks": [{"mid": mid}], "sessionDescription": self.description(), "force": False}
        reply = await self.api.call("PUT", f"{self.session}/tracks/close", body)
        await self.remote(reply["sessionDescription"])

    async def receive(self, **more):
        for kind, count in more.items():
            before = self.received[kind]
            await until(f"more {kind}", lambda: self.received[kind] >= before + count)

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await self.connection.close()


async def until(what, holds):
    for _ in range(PATIENCE * 20):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"no {what} in time")


async def main():
    api = Api(*sys.argv[1:4])
    publisher, subscriber = Agent(api), Agent(api)
    await publisher.join()
    await subscriber.join()
    await publisher.publish(AudioStreamTrack(), VideoStreamTrack())
    await subscriber.pull(publisher, "audio", "video")
    await subscriber.receive(audio=50, video=30)
    print("audio and video arrive:", subscriber.received)

    await publisher.establish()
    await subscriber.establish()
    channel = {"location": "local", "dataChannelName": "talk"}
    local = await publisher.open(channel)
    channel |= {"location": "remote", "sessionId": publisher.id, "canReply": True}
    remote = await subscriber.open(channel)
    heard, replies = [], []
    remote.on("message", heard.append)
    local.on("message", replies.append)
    local.send("there")
    await until("a message", lambda: heard == ["there"])
    remote.send("and back")
    await until("a reply", lambda: replies == ["and back"])
    print("messages arrive both ways")

    await publisher.close_first()
    await subscriber.receive(video=30)
    local.send("still here")
    await until("a message", lambda: heard == ["there", "still here"])
    assert publisher.connection.connectionState == "connected"
    print("the first section is closed, the rest flows on")
    await publisher.close()
    await subscriber.close()


asyncio.run(main())
