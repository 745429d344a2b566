// partytracks' own client with the router as its backend: its prefix is the room.

import assert from "node:assert/strict";
import { close, stranger, until } from "./lab.js";

export async function party({ chromium }, { url, emulator }) {
  const [alice, bob] = await Promise.all(["Alice", "Bob"].map(async (name) => {
    const { tab, call } = await stranger(chromium, url, "party");
    await call("enter", new URL("calls/rooms/party", url).href, name);
    return { tab, call };
  }));

  const sound = await alice.call("push", "audio");
  const picture = await alice.call("push", "video", [{ rid: "a" }, { rid: "b", scaleResolutionDownBy: 4 }]);
  assert.equal((await alice.call("state")).tracks.length, 2);
  const grows = (kind, what) => async () => {
    const before = (await bob.call("received", kind))[what];
    await until(`more ${kind}`, async () => (await bob.call("received", kind))[what] > before + 10);
  };
  const width = (width) => until(`a picture ${width} wide`, async () => (await bob.call("received", "video")).frameWidth === width);
  const [hears, sees] = [grows("audio", "bytesReceived"), grows("video", "framesDecoded")];
  await bob.call("pull", "audio", sound);
  await hears();
  await bob.call("pull", "video", picture, "b");
  await width(160);
  await bob.call("prefer", "video", "a");
  await width(640);
  await alice.call("replace", "video", { width: 320, height: 240 });
  await width(320);

  // The router gave the ICE servers, too: without them there would be no connection.
  assert.equal(await alice.call("ask", "GET", "generate-ice-servers"), 200);
  assert.equal(await alice.call("ask", "POST", "generate-ice-servers"), 201);
  await locked(alice, bob, picture);

  await bob.call("drop", "audio", "pulled");
  await until("the close", async () => (await bob.call("outcomes", "/tracks/close")).length === 1);
  await sees();
  await alice.call("drop", "audio", "pushed");
  await until("one track", async () => (await alice.call("state")).tracks.length === 1);
  await sees();
  for (const { call } of [alice, bob]) {
    for (const operation of ["sessions/new", "/tracks/new", "/renegotiate", "/tracks/update", "/tracks/close"]) {
      assert.deepEqual((await call("outcomes", operation)).filter((code) => code), [], operation);
    }
  }
  assert.deepEqual(await emulator.violations(), []);
  await close(alice.tab, bob.tab);
}

/** Checks that a session takes requests of its own member only. */
async function locked(alice, bob, { trackName }) {
  const session = `sessions/${await alice.call("sessionId")}`;
  const tracks = [{ mid: "0" }];
  const asked = [
    ["GET", session],
    ["POST", `${session}/tracks/new`, { tracks: [{ location: "remote", sessionId: session.slice(9), trackName }] }],
    ["PUT", `${session}/tracks/close`, { tracks, force: true }],
    ["PUT", `${session}/renegotiate`, { sessionDescription: { type: "answer", sdp: "v=0\r\n" } }],
  ];
  for (const [method, path, body] of asked) {
    assert.equal(await bob.call("ask", method, path, body), 403, path);
  }
  assert.equal(await alice.call("ask", "GET", session), 200);
  assert.equal((await alice.call("state")).tracks.length, 2);
}
