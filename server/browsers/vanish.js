// Members that vanish, and connections that repair themselves.

import assert from "node:assert/strict";
import { assertQuiet, close, connected, flows, join, look, press, sleep, until } from "./lab.js";

/** Faults for the next call of their operation. */
const FAULTS = [
  ["new_tracks", { kind: "reset" }],
  ["new_tracks", { kind: "dropReply" }],
  ["new_tracks", { kind: "html", status: 502 }],
  ["new_tracks", { kind: "truncate" }],
  ["new_tracks", { kind: "failItems", code: "not_found_track_error", indices: [0] }],
  ["new_tracks", { kind: "breakApt" }],
  ["new_tracks", { kind: "delayReply", ms: 3_000 }],
  ["renegotiate", { kind: "dropReply" }],
  ["renegotiate", { kind: "reply", status: 425, body: { errorCode: "session_error" } }],
  ["close_tracks", { kind: "glare" }],
  ["close_tracks", { kind: "omitItems", indices: [0] }],
  ["close_tracks", { kind: "html", status: 500 }],
];

/** Lets one member leave by the button, one by closing the tab, and kills one tab. */
export async function leave({ chromium }, place) {
  const [stays, leaves, closes, dies] = await gather(chromium, place, "leave", ["Ada", "Ben", "Chidi", "Dana"]);
  await flows(stays, 6);

  await press(leaves, "#leave");
  await until("three members", async () => (await look(stays)).members.length === 3, 5);
  await until("two of them received", async () => (await look(stays)).remotes.length === 4, 5);

  await closes.close();
  await until("two members", async () => (await look(stays)).members.length === 2, 5);

  // The renderer ends, and the page sends no word.
  await dies.goto("chrome://crash").catch(() => {});
  await until("a sign that it is gone", () => stays.$eval(".tile:not(.is-me)", (tile) => tile.classList.contains("is-away")), 10);
  await until("one member", async () => (await look(stays)).members.length === 1, 45);
  assert.equal((await look(stays)).remotes.length, 0);
  assertQuiet(stays);
  await close(stays);
}

/** Cuts the connection for media of a member, who comes back as the same member. */
export async function loseMedia({ chromium }, place) {
  await repaired(chromium, place, "lose-media", { kind: "disconnect" });
}

/** Lets the session expire in the middle of the call. The page gets another one. */
export async function expire({ chromium }, place) {
  await repaired(chromium, place, "expire", { kind: "expireSession" });
}

async function repaired(browser, place, room, fault) {
  const [stays, suffers] = await gather(browser, place, room, ["Ada", "Ben"]);
  await flows(stays, 2);
  await flows(suffers, 2);
  const before = await look(suffers);
  await watch(suffers);
  await place.emulator.fault({ session: before.sessionId, times: 1, fault });
  // The next call of that session meets the fault.
  await press(suffers, "#camera");
  await until("a repair", () => suffers.evaluate(() => states.includes("repairing")), 30);
  await connected(suffers, 40);
  const after = await look(suffers);
  assert.equal(after.me, before.me, "it is another member");
  assert.notEqual(after.sessionId, before.sessionId);
  await flows(suffers, 2);
  await flows(stays, 1);
  await press(suffers, "#camera");
  await flows(stays, 2);
  assert.ok(await suffers.$eval("#banner", ({ hidden }) => hidden), "the banner stays");
  assertQuiet(stays, suffers);
  await close(stays, suffers);
}

/** Checks that the call is complete in the end, whatever goes wrong with one request. */
export async function survive({ chromium }, place) {
  const stays = await join(chromium, place, "survive", "Ada");
  // Each run has a few faults, because repairs in quick succession are bounded.
  for (let at = 0; at < FAULTS.length; at += 3) {
    const suffers = await join(chromium, place, "survive", "Ben");
    await flows(suffers, 2);
    for (const [operation, fault] of FAULTS.slice(at, at + 3)) {
      const { me, sessionId } = await look(suffers);
      await place.emulator.fault({ operation, session: sessionId, times: 1, fault });
      // The other camera is turned off and on again: a close, a pull, and an answer.
      await press(stays, "#camera");
      await until(`one track (${fault.kind})`, async () => (await look(suffers)).remotes.length === 1, 40);
      await press(stays, "#camera");
      await flows(suffers, 2, 60);
      await connected(suffers, 40);
      assert.equal((await look(suffers)).me, me, `${fault.kind}: it is another member`);
      await place.emulator.clear();
    }
    assertQuiet(suffers);
    await press(suffers, "#leave");
    await close(suffers);
  }
  assertQuiet(stays);
  await close(stays);
}

/** Refuses every session, so the page gives up and says so. A button begins anew. */
export async function giveUp({ chromium }, place) {
  const [stays, suffers] = await gather(chromium, place, "give-up", ["Ada", "Ben"]);
  await flows(suffers, 2);
  const { me, sessionId } = await look(suffers);
  await place.emulator.fault({ operation: "new_session", fault: { kind: "reply", status: 500, body: { errorCode: "backend_error" } } });
  await place.emulator.fault({ session: sessionId, times: 1, fault: { kind: "expireSession" } });
  await press(suffers, "#camera");
  await until("a failure", () => suffers.evaluate(() => room.state === "failed"), 60);
  assert.equal(await suffers.$eval("#banner-button", (button) => !button.hidden && button.textContent), "Try again");
  await place.emulator.clear();
  await press(suffers, "#banner-button");
  await connected(suffers);
  assert.equal((await look(suffers)).me, me, "it is another member");
  await flows(suffers, 2);
  await flows(stays, 1);
  assertQuiet(stays, suffers);
  await close(stays, suffers);
}

/** Cuts the network of a member for some seconds. */
export async function loseNetwork({ chromium }, place) {
  const [stays, suffers] = await gather(chromium, place, "lose-network", ["Ada", "Ben"]);
  await flows(stays, 2);
  const before = await look(suffers);
  await watch(suffers);
  await suffers.setOfflineMode(true);
  await place.emulator.fault({ session: before.sessionId, times: 1, fault: { kind: "disconnect" } });
  await suffers.evaluate(() => room.update({ at: Date.now() }).catch(() => {}));
  await sleep(8_000);
  await suffers.setOfflineMode(false);
  await connected(suffers, 60);
  assert.equal((await look(suffers)).me, before.me, "it is another member");
  await flows(suffers, 2);
  await flows(stays, 2);
  await place.emulator.clear();
  await close(stays, suffers);
}

/** Lets a computer sleep until its member has expired. After waking it enters again by itself. */
export async function oversleep({ chromium }, place) {
  const [stays, sleeps] = await gather(chromium, place, "oversleep", ["Ada", "Ben"]);
  await flows(stays, 2);
  const before = await look(sleeps);
  await watch(sleeps);
  const debug = await sleeps.createCDPSession();
  await debug.send("Debugger.enable");
  await debug.send("Debugger.pause");
  await until("the end of the member", async () => (await look(stays)).members.length === 1, 90);
  await debug.send("Debugger.disable");
  await until("another member", async () => (await look(stays)).members.length === 2, 30);
  await connected(sleeps);
  const after = await look(sleeps);
  assert.notEqual(after.me, before.me);
  assert.equal(after.members.find(({ id }) => id === after.me).name, "Ben");
  assert.ok(await sleeps.evaluate(() => states.includes("repairing")), "nothing was shown of it");
  await flows(stays, 2);
  await flows(sleeps, 2);
  assertQuiet(stays, sleeps);
  await close(stays, sleeps);
}

async function gather(browser, place, room, names) {
  const tabs = [];
  for (const name of names) tabs.push(await join(browser, place, room, name));
  return tabs;
}

/** Keeps the states that a room goes through. */
async function watch(tab) {
  await tab.evaluate(() => {
    globalThis.states = [];
    room.addEventListener("state", ({ detail }) => states.push(detail.state));
  });
}
