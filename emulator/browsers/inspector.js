// Emulator's page, with a browser's traffic on it: its contents, and the orders of a click.

import assert from "node:assert/strict";
import { join } from "./agents.js";

/** Waits until an element has the text. */
async function has(page, selector, pattern) {
  const { source } = new RegExp(pattern);
  await page.waitForFunction((selector, source) =>
    [...document.querySelectorAll(selector)].some((found) => new RegExp(source).test(found.textContent)),
  { timeout: 20_000 }, selector, source);
}

const button = (name) => `::-p-aria([name="${name}"][role="button"])`;

/** Looks at two sessions of this tab on a page of their own. */
export async function inspect(browser, tab, emulator) {
  const { url, app, secret } = emulator;
  const publisher = await join(tab, emulator);
  const subscriber = await join(tab, emulator);
  const { sessionId } = publisher;
  await publisher.agent.publish({ audio: "audio/opus", video: "video/VP8" });
  await subscriber.agent.pull({ sessionId, trackName: "audio" }, { sessionId, trackName: "video" });
  await subscriber.agent.receive({ audio: 1_000, video: 20 });

  const problems = [];
  const page = await browser.newPage();
  await page.setViewport({ width: 1400, height: 900 });
  // A violation of the content security policy is an error of the console, too.
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(new URL("/", url).href);
  // Both filters have the publisher's id in them. Other sessions may be there as well.
  await page.locator('::-p-aria([name="Text"])').fill(sessionId);
  const chooser = (id) => `#live button[data-full="${id}"]`;
  await page.waitForSelector(chooser(sessionId));
  await page.waitForSelector(chooser(subscriber.sessionId));
  await page.waitForFunction(() => document.querySelectorAll("#live tbody tr").length === 2);

  await has(page, ".edges tspan.video", /VP8 [1-9][\d.]* [kM]bit\/s/);
  await has(page, ".edges tspan.audio", /opus [1-9][\d.]* [kM]bit\/s/);

  await page.locator(chooser(subscriber.sessionId)).click();
  const steps = ".timeline li";
  await has(page, steps, "POST tracks/new");
  await has(page, steps, /SFU to backend: 200 · after \d/);
  await has(page, steps, "SFU and agent: connected");
  await has(page, steps, "SFU to agent: first packet of video");

  await page.locator(button("Next one gets a 503 page")).click();
  const ordered = '[aria-label="Ordered faults"] li';
  await has(page, ordered, "happened 0×");
  const path = `${url}/apps/${app}/sessions/${subscriber.sessionId}`;
  const { status } = await fetch(path, { headers: { authorization: `Bearer ${secret}` } });
  assert.equal(status, 503, "the fault has not fired");
  await has(page, ordered, "happened 1×");
  await has(page, steps, "503 · fault: html");
  await page.locator(button("Take all back")).click();
  await page.waitForFunction((ordered) => !document.querySelector(ordered), {}, ordered);

  for (const view of ["Automatic", "Matrix", "Table"]) {
    await page.locator(button(view)).click();
    for (const width of [390, 1600]) {
      await page.setViewport({ width, height: 900 });
      const sideways = await page.evaluate(async () => {
        const frame = () => new Promise((then) => requestAnimationFrame(then));
        // The page is drawn again for the new width.
        for (let frames = 0; frames < 3; frames += 1) await frame();
        return document.documentElement.scrollWidth - innerWidth;
      });
      assert.ok(sideways <= 0, `${view} scrolls by ${sideways} at a width of ${width}`);
    }
  }
  assert.deepEqual(problems, []);
  await publisher.agent.close();
  await subscriber.agent.close();
}
