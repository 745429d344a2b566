// Page of the room in real browsers, in front of a server with an emulator.
//
//     node run.js PAGE_URL EMULATOR_URL [FOLDER_FOR_PICTURES]
//
// The two URLs are those that the example `voice-room` prints. `ONLY=meet,expire` runs
// some of the tests.

import { control, start } from "./lab.js";
import { demo } from "./demo.js";
import { looks } from "./looks.js";
import { foreign, meet, moderate } from "./meet.js";
import { party } from "./party.js";
import { together } from "./together.js";
import { whip } from "./whip.js";
import { expire, giveUp, leave, loseMedia, loseNetwork, oversleep, survive } from "./vanish.js";

const [shown, emulator, folder] = process.argv.slice(2);
// The address of the demo contains its room.
const url = new URL("/", shown).href;
const place = { url, emulator: control(emulator) };
const only = process.env.ONLY?.split(",");

async function step(name, action) {
  if (only && !only.includes(action.name)) return;
  const start = Date.now();
  await action(browsers, place, folder);
  console.log(`${name}: ${((Date.now() - start) / 1_000).toFixed(1)} s`);
}

const browsers = {};
try {
  for (const name of ["chromium", "firefox"]) {
    browsers[name] = await start(name);
    console.log(await browsers[name].version());
  }
  await step("a newcomer alone sees and hears the two of the demo", demo);
  await step("three meet in two browsers, hear, see and read each other", meet);
  await step("two join at the same moment, 20 times, without a violation", together);
  await step("a moderator mutes and removes, members mute and unmute themselves", moderate);
  await step("a lost connection for media is repaired", loseMedia);
  await step("an expired session is replaced", expire);
  await step("no session to be had, and a button that begins anew", giveUp);
  await step("a network that comes back, and the same member", loseNetwork);
  // Both wait for a member to expire.
  await Promise.all([
    step("one leaves by the button, one closes the tab, one is killed", leave),
    step("a member that has expired in its sleep enters again", oversleep),
  ]);
  await step("partytracks against the router, and another's session refused", party);
  await step("WHIP publishes, WHEP and a member of the room watch it", whip);
  // The next steps leave offers unanswered, which the emulator counts as violations.
  await step("a picture that one browser cannot play costs it nothing else", foreign);
  await step("one request after the other goes wrong, and all comes back", survive);
  await step("every view, and nothing grave that axe finds", looks);
} finally {
  for (const browser of Object.values(browsers)) await browser.close();
}
