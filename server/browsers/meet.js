// Three members meet, in two browsers: each hears, sees and reads the two others.

import assert from "node:assert/strict";
import { assertQuiet, close, connected, enter, flows, join, look, open, press, until } from "./lab.js";

export async function meet({ chromium, firefox }, place) {
  const tabs = [];
  for (const [browser, name] of [[chromium, "Ada"], [firefox, "Ben"], [chromium, "Chidi"]]) {
    tabs.push(await join(browser, place, "meet", name));
  }
  for (const tab of tabs) await flows(tab, 4);
  for (const tab of tabs) {
    // A fake device beeps now and then.
    await until("two who have spoken", () => tab.evaluate(() => {
      globalThis.spoken ??= new Set();
      for (const tile of document.querySelectorAll(".tile:not(.is-me).speaks")) spoken.add(tile.dataset.member);
      return spoken.size === 2;
    }), 60);
    assert.equal(await tab.$$eval(".tile:not(.is-me) video:not([hidden])", (all) => all.length), 2);
  }
  await talk(tabs);
  await layers(tabs[0]);
  assertQuiet(...tabs);
  await close(...tabs);
}

/** Checks that a message of each reaches the two others. */
async function talk(tabs) {
  for (const tab of tabs) {
    await until("open channel", () => tab.evaluate(() => {
      const { isOpen, peers } = room.channel("chat");
      return isOpen && [...peers.values()].filter(({ data }) => data?.readyState === "open").length === 2;
    }));
  }
  for (const [at, tab] of tabs.entries()) {
    await tab.$eval("#message", (field, text) => field.value = text, `message ${at}`);
    await tab.$eval("#write", (form) => form.requestSubmit());
  }
  for (const tab of tabs) {
    await until("three messages", () => tab.$$eval("#log li:not(.empty)", (all) => all.length === 3));
  }
}

/** Checks that a picture that is shown small comes small, and a large one large. */
async function layers(tab) {
  const widths = () => tab.evaluate(async () => [...(await room.connection.getStats()).values()]
    .filter(({ type, kind }) => type === "inbound-rtp" && kind === "video").map(({ frameWidth }) => frameWidth ?? 0));
  await tab.setViewport({ width: 1_600, height: 900 });
  await until("large pictures", async () => (await widths()).every((width) => width > 400), 60);
  await tab.setViewport({ width: 320, height: 640 });
  await until("small pictures", async () => (await widths()).every((width) => width > 0 && width < 400), 60);
}

/** Checks that a picture that one browser cannot play costs only that picture. */
export async function foreign({ chromium, firefox }, place) {
  const fox = await join(firefox, place, "foreign", "Fox");
  const ada = await open(chromium, place, "foreign");
  await ada.evaluate(() => {
    const { addTransceiver } = RTCPeerConnection.prototype;
    RTCPeerConnection.prototype.addTransceiver = function (track, options) {
      const transceiver = addTransceiver.call(this, track, options);
      const { codecs } = RTCRtpReceiver.getCapabilities(track.kind);
      if (track.kind === "video") transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === "video/H264"));
      return transceiver;
    };
  });
  await enter(ada, "Ada");
  await connected(ada);
  const ben = await join(chromium, place, "foreign", "Ben");
  // Firefox has no H264 without a download.
  await until("words for it", () => fox.$eval("#toasts", (toasts) => toasts.textContent.includes("cannot play the camera of Ada")), 60);
  await connected(fox);
  await flows(fox, 3);
  await flows(ben, 4);
  assertQuiet(fox, ada, ben);
  await close(fox, ada, ben);
}

/** Checks that a moderator mutes a member, who is heard again after unmuting. */
export async function moderate({ chromium }, place) {
  const moderator = await join(chromium, place, "moderate", "Ada");
  const member = await join(chromium, place, "moderate", "Ben");
  await flows(moderator, 2);
  await press(moderator, ".tile:not(.is-me) .tools button:first-child");
  await until("a closed microphone", () => member.$eval("#mic", (button) => button.textContent.includes("Unmute")));
  await until("one track", async () => (await look(moderator)).remotes.length === 1);
  await press(member, "#mic");
  await flows(moderator, 2);

  // The moderator stops a camera, which the member starts again.
  await moderator.evaluate(() => {
    const other = [...room.members.values()].find(({ id }) => id !== room.me);
    return room.muteOther(other.id, other.tracks.find(({ kind }) => kind === "video").trackName);
  });
  await until("a closed camera", () => member.$eval("#camera", (button) => button.textContent.includes("Start")));
  await press(member, "#camera");
  await flows(moderator, 2);
  await flows(member, 2);

  // The member mutes itself, which closes no track.
  await press(member, "#mic");
  await until("a sign of it", () => moderator.$eval(".tile:not(.is-me) .plate", (plate) => plate.textContent.includes("muted")));
  assert.equal((await look(moderator)).remotes.length, 2);
  await press(member, "#mic");
  await until("its end", () => moderator.$eval(".tile:not(.is-me) .plate", (plate) => !plate.textContent.includes("muted")));

  // The camera is turned off and on again, and so is a screen.
  await press(member, "#camera");
  await until("no picture", async () => (await look(moderator)).remotes.every(({ kind }) => kind === "audio"));
  await press(member, "#camera");
  await flows(moderator, 2);

  await press(moderator, ".tile:not(.is-me) .tools button:last-child");
  await until("the end of it", () => member.$eval("#over-title", (title) => title.textContent.includes("removed")));
  await until("one member", async () => (await look(moderator)).members.length === 1);
  assertQuiet(moderator, member);
  await close(moderator, member);
}
