// Pictures of the page for people, and axe's findings in it.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join as path } from "node:path";
import axe from "axe-core";
import { assertQuiet, close, connected, enter, flows, join, open, press, sleep, until } from "./lab.js";

const SIZES = [[390, 844], [1_280, 800]];
const SCHEMES = ["light", "dark"];

/** Takes every view in two sizes and two schemes. No finding may be serious or critical. */
export async function looks({ chromium }, place, folder) {
  if (folder) await mkdir(folder, { recursive: true });
  const tab = await open(chromium, place, "looks");
  await tab.$eval("#name", (field) => field.value = "Ada Lovelace");
  await view(tab, "join", folder);

  await enter(tab, "Ada Lovelace");
  await connected(tab);
  await view(tab, "alone", folder);
  const others = [await join(chromium, place, "looks", "Ben"), await join(chromium, place, "looks", "Chidi Anagonye")];
  await press(others[1], "#camera");
  await press(others[1], "#mic");
  await flows(tab, 3);
  await until("a muted one", () => tab.$$eval(".plate use", (all) => all.length === 1));
  await view(tab, "room", folder);
  await press(tab, '[data-open="flow"]');
  await view(tab, "flow", folder);
  await press(tab, '[data-open="chat"]');
  await tab.$eval("#message", (field) => field.value = "Hello, everybody");
  await tab.$eval("#write", (form) => form.requestSubmit());
  await view(tab, "chat", folder);
  await press(tab, '[data-close="chat"]');
  await press(others[0], "#screen");
  await until("a screen", () => tab.$eval("#screens", ({ children }) => children.length === 1));
  await view(tab, "screen", folder);
  await press(tab, "#devices");
  await view(tab, "devices", folder);
  await press(tab, "#device-close");

  await tab.evaluate(() => room.dispatchEvent(new CustomEvent("state", { detail: { state: "repairing", reason: "network", attempt: 2 } })));
  await view(tab, "repairing", folder);
  const moderators = await tab.evaluate(() => [...room.members.values()].filter(({ name }) => name === "Ben").map(({ id }) => room.remove(id)).length);
  assert.equal(moderators, 1);
  await until("the end of it", () => others[0].$eval("#over", ({ hidden }) => !hidden));
  await view(others[0], "removed", folder);
  await press(tab, "#leave");
  await view(tab, "left", folder);
  assertQuiet(tab, ...others);
  await close(tab, ...others);

  const denied = await refused(chromium, place);
  await view(denied, "denied", folder);
  assertQuiet(denied);
  await close(denied);
}

/** Opens the page in a browser that gives it no device. */
async function refused(browser, { url }) {
  const tab = await (await browser.createBrowserContext()).newPage();
  tab.errors = [];
  await tab.evaluateOnNewDocument(() => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("denied", "NotAllowedError"); };
  });
  await tab.goto(`${url}?room=looks`);
  await until("words for it", () => tab.$eval("#device-error", ({ hidden }) => !hidden));
  return tab;
}

async function view(tab, name, folder) {
  for (const [width, height] of SIZES) {
    for (const scheme of SCHEMES) {
      await tab.setViewport({ width, height });
      await tab.emulateMediaFeatures([
        { name: "prefers-color-scheme", value: scheme },
        { name: "prefers-reduced-motion", value: "reduce" },
      ]);
      await sleep(300);
      if (folder) await tab.screenshot({ path: path(folder, `${name}-${width}-${scheme}.png`) });
      const { wide, high } = await tab.evaluate(() => ({
        wide: document.documentElement.scrollWidth > innerWidth,
        high: document.documentElement.scrollHeight > innerHeight && !document.querySelector("#room").hidden,
      }));
      assert.ok(!wide, `${name} is wider than ${width}`);
      assert.ok(!high, `${name} is higher than ${height}`);
      await check(tab, `${name}, ${width}, ${scheme}`);
    }
  }
}

async function check(tab, name) {
  // The browser evaluates axe, because the page's policy permits no foreign script.
  await tab.evaluate(axe.source);
  const { violations } = await tab.evaluate(() => globalThis.axe.run());
  const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const found = grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n  ")}`);
  assert.deepEqual(found, [], name);
}
