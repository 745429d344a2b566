// partytracks, client and server function, against the emulator: two pages.

import assert from "node:assert/strict";
import { make, open } from "./lab.js";

/** Runs two participants, each on a page of its own. */
export async function party(browser, address) {
  const tabs = [await open(browser, address), await open(browser, address)];
  const [alice, bob] = await Promise.all(tabs.map((tab) => make(tab, "Party")));

  const sound = await alice.push("audio");
  const layers = [{ rid: "a" }, { rid: "b", scaleResolutionDownBy: 4 }];
  const picture = await alice.push("video", layers);
  await bob.pull("audio", sound);
  await bob.receiveSound(1_000);
  await bob.pull("video", picture, "b");
  await bob.receiveWidth(160);
  await bob.prefer("video", "a");
  await bob.receiveWidth(640);

  await alice.replace("video", { width: 320, height: 240 });
  await bob.receiveWidth(320);

  // The first section of either connection is closed. The other one continues.
  await bob.drop("audio", "pulled");
  await bob.receiveFrames(20);
  await alice.drop("audio", "pushed");
  await bob.receiveFrames(20);

  for (const participant of [alice, bob]) {
    for (const operation of ["/tracks/new", "/renegotiate", "/tracks/update", "/tracks/close"]) {
      const failed = (await participant.outcomes(operation)).filter((code) => code);
      assert.deepEqual(failed, [], operation);
    }
  }
  for (const tab of tabs) await tab.close();
}
