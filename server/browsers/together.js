// Two members join at the same moment, again and again: their exchanges of session descriptions
// never overlap.

import assert from "node:assert/strict";
import { assertQuiet, close, connected, enter, flows, look, open, press, until } from "./lab.js";

const TIMES = 20;

export async function together({ chromium }, place) {
  const tabs = [await open(chromium, place, "together"), await open(chromium, place, "together")];
  for (let at = 0; at < TIMES; at += 1) {
    await Promise.all(tabs.map((tab, at) => enter(tab, `member ${at}`)));
    await Promise.all(tabs.map((tab) => connected(tab)));
    await Promise.all(tabs.map((tab) => flows(tab, 2)));
    await Promise.all(tabs.map((tab) => press(tab, "#leave")));
    await Promise.all(tabs.map((tab) => press(tab, "#over-button")));
    for (const tab of tabs) await until("a preview", () => tab.$eval("#preview", ({ hidden }) => !hidden));
  }
  assert.deepEqual(await place.emulator.violations(), []);
  assertQuiet(...tabs);
  await close(...tabs);
}
