// Real browsers and other projects' clients, against a running emulator.
//
//     node run.js BASE_URL APP SECRET

import * as agents from "./agents.js";
import { hostile } from "./hostile.js";
import { inspect } from "./inspector.js";
import { open, serve, start } from "./lab.js";
import { party } from "./party.js";

const [url, app, secret] = process.argv.slice(2);
const emulator = { url, app, secret };

async function step(name, action) {
  const start = Date.now();
  const got = await action();
  console.log(`${name}: ${((Date.now() - start) / 1_000).toFixed(1)} s`);
  return got;
}

const { server, address } = await serve(emulator);
const browsers = [];
try {
  for (const name of ["chromium", "firefox"]) browsers.push(await start(name));
  const [chromium, firefox] = browsers;
  for (const browser of browsers) console.log(await browser.version());

  const tabs = [await open(chromium, address), await open(firefox, address)];
  await step("Chromium: every codec", () => agents.codecs(tabs[0], emulator,
    { audio: "audio/opus", video: "video/VP8" },
    { audio: "audio/PCMU", video: "video/VP9" },
    { audio: "audio/PCMA", video: "video/H264" },
    { audio: "audio/opus", video: "video/AV1" }));
  await step("Firefox: every codec that it sends without downloads", () => agents.codecs(tabs[1], emulator,
    { audio: "audio/opus", video: "video/VP8" },
    { audio: "audio/PCMU", video: "video/VP9" },
    { audio: "audio/PCMA", video: "video/AV1" }));
  const both = await step("media both ways between the two", () => agents.meet(tabs, emulator));
  await step("data channels both ways", () => agents.talk(both));
  await step("the first section is closed, the rest flows on", () => agents.close(both));
  await step("layers, Chromium to Firefox", () => agents.layers(tabs, emulator));
  await step("layers, Firefox to Chromium", () => agents.layers(tabs.toReversed(), emulator));
  await step("partytracks", () => party(chromium, address));
  await step("the emulator's page shows traffic, and orders a fault", () => inspect(chromium, tabs[0], emulator));
  await step("a page of another origin reads and orders nothing", () => hostile(chromium, emulator));
} finally {
  for (const browser of browsers) await browser.close();
  server.close();
}
