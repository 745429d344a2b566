// Browsers as agents of the emulator: media of each codec, layers, data channels, and a
// close of the first section, after which the others live on.

import assert from "node:assert/strict";
import { make } from "./lab.js";

/** Creates an agent with a session. Resolves to it and the session's id. */
export async function join(tab, emulator) {
  const agent = await make(tab, "Agent", emulator);
  return { agent, sessionId: await agent.join() };
}

/** Checks that each codec goes from one agent of a browser to another one. */
export async function codecs(tab, emulator, ...all) {
  for (const codecs of all) {
    const publisher = await join(tab, emulator);
    const subscriber = await join(tab, emulator);
    await publisher.agent.publish(codecs);
    await subscriber.agent.pull(...Object.keys(codecs).map((trackName) =>
      ({ sessionId: publisher.sessionId, trackName })));
    assert.deepEqual(await subscriber.agent.receive({ audio: 1_000, video: 20 }), codecs);
    await publisher.agent.close();
    await subscriber.agent.close();
  }
}

/** Lets two agents, each with a browser of its own, publish and pull each other's media. */
export async function meet(tabs, emulator) {
  const codecs = { audio: "audio/opus", video: "video/VP8" };
  const pair = [];
  for (const tab of tabs) {
    pair.push(await join(tab, emulator));
    await pair.at(-1).agent.publish(codecs);
  }
  const both = [[pair[0], pair[1]], [pair[1], pair[0]]];
  for (const [{ agent }, { sessionId }] of both) {
    await agent.pull({ sessionId, trackName: "audio" }, { sessionId, trackName: "video" });
  }
  for (const { agent } of pair) {
    assert.deepEqual(await agent.receive({ audio: 1_000, video: 20 }), codecs);
  }
  return both;
}

/** Lets each send a message on its channel, on which the other one replies. */
export async function talk(both) {
  for (const [here, there] of both) {
    const dataChannelName = `from ${here.sessionId}`;
    await here.agent.open({ location: "local", dataChannelName });
    const { sessionId } = here;
    await there.agent.open({ location: "remote", sessionId, dataChannelName, canReply: true });
    await here.agent.say(dataChannelName, "there");
    assert.equal(await there.agent.hear(dataChannelName), "there");
    await there.agent.say(dataChannelName, "and back");
    assert.equal(await here.agent.hear(dataChannelName), "and back");
  }
}

/** Lets each close its first section. All other media continue. */
export async function close(both) {
  for (const [here, there] of both) {
    await here.agent.closeFirst();
    await there.agent.receive({ video: 20 });
    await here.agent.receive({ video: 20 });
    const name = `from ${here.sessionId}`;
    await here.agent.say(name, "still here");
    assert.equal(await there.agent.hear(name), "still here");
    assert.ok(await here.agent.isConnected());
  }
}

/** Lets one publish layers. The other one receives one layer and then another. */
export async function layers([from, to], emulator) {
  const publisher = await join(from, emulator);
  const subscriber = await join(to, emulator);
  const [high, low] = await publisher.agent.publishLayers("h", "l");
  const track = { sessionId: publisher.sessionId, trackName: "video" };
  await subscriber.agent.pull({ ...track, simulcast: { preferredRid: "l" } });
  await subscriber.agent.receiveWidth(low);
  await subscriber.agent.prefer(track, "h");
  await subscriber.agent.receiveWidth(high);
  await publisher.agent.close();
  await subscriber.agent.close();
}
