// WHIP and WHEP by the client of another project, with a member of the room beside them.

import assert from "node:assert/strict";
import { close, flows, join, look, stranger, until } from "./lab.js";

export async function whip({ chromium, firefox }, place) {
  const { url, emulator } = place;
  const room = new URL("calls/rooms/stage", url).href;
  const member = await join(firefox, place, "stage", "Mia");
  const publisher = await stranger(chromium, url, "whip");
  await publisher.call("publish", `${room}/whip?name=Studio`, "any");
  await flows(member, 2);
  assert.deepEqual((await look(member)).members.map(({ name }) => name).sort(), ["Mia", "Studio"]);

  const player = await stranger(chromium, url, "whip");
  const studio = (await look(member)).members.find(({ name }) => name === "Studio");
  await player.call("view", `${room}/whep?name=Viewer&member=${studio.id}`, "any");
  const grows = async () => {
    const before = await player.call("received");
    await until("sound and pictures at the player", async () => {
      const now = await player.call("received");
      return now.sound > before.sound && now.pictures >= before.pictures + 5;
    });
  };
  await grows();
  await grows();

  // Each ends by its own `DELETE`, and the others are told.
  for (const [{ call }, left] of [[player, 2], [publisher, 1]]) {
    await call("stop");
    await until(`${left} members`, async () => (await look(member)).members.length === left);
  }
  assert.deepEqual(await emulator.violations(), []);
  await close(member, publisher.tab, player.tab);
}
