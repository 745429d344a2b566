// The emulator's page, with a browser's traffic on it: what it shows, and what a
// click orders.
//
//     node page.js BASE_URL APP SECRET

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { chromium } from "playwright-core";

const [url, app, secret] = process.argv.slice(2);
const agent = await readFile(new URL("agent.html", import.meta.url));
const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(agent));
server.listen(0, "127.0.0.1");
await once(server, "listening");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // No sandbox: the machine of CI is one already.
  args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"],
});

/* Fails unless what is found has the text, now or soon. */
const has = (found, hasText) => found.filter({ hasText }).first().waitFor({ timeout: 20_000 });

try {
  const traffic = await browser.newPage();
  await traffic.goto(`http://127.0.0.1:${server.address().port}/`);
  const { session, other } = await traffic.evaluate(async (emulator) => {
    globalThis.api = new Api(emulator);
    globalThis.parties = await media(api, CODECS[0]);
    return parties;
  }, { url, app, secret });

  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const problems = [];
  // A violation of the content security policy is an error of the console, too.
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(new URL("/", url).href);
  // Both have the publisher's id in them; others may be there as well.
  await page.getByLabel("Text").fill(session);
  const chooser = (id) => page.locator(`#live button[data-full="${id}"]`);
  await chooser(session).waitFor();
  await chooser(other).waitFor();
  if (await page.locator("#live tbody tr").count() !== 2) throw new Error("the filter leaves others");

  await has(page.locator(".edges tspan.video"), /VP8 [1-9][\d.]* [kM]bit\/s/);
  await has(page.locator(".edges tspan.audio"), /opus [1-9][\d.]* [kM]bit\/s/);

  await chooser(other).click();
  const steps = page.locator(".timeline li");
  await has(steps, "POST tracks/new");
  await has(steps, /SFU to backend: 200 · after \d/);
  await has(steps, "SFU and agent: connected");
  await has(steps, "SFU to agent: first packet of video");

  await page.getByRole("button", { name: "Next one gets a 503 page" }).click();
  const ordered = page.getByRole("list", { name: "Ordered faults" });
  await has(ordered, "happened 0×");
  const status = await traffic.evaluate(async ({ path, secret }) =>
    (await fetch(path, { headers: { authorization: `Bearer ${secret}` } })).status,
  { path: `${url}/apps/${app}/sessions/${other}`, secret });
  if (status !== 503) throw new Error(`the fault has not fired: ${status}`);
  await has(ordered, "happened 1×");
  await has(steps, "503 · fault: html");
  await page.getByRole("button", { name: "Take all back" }).click();
  await ordered.getByRole("listitem").waitFor({ state: "detached" });

  for (const view of ["Automatic", "Matrix", "Table"]) {
    await page.getByRole("button", { name: view, exact: true }).click();
    for (const width of [390, 1600]) {
      await page.setViewportSize({ width, height: 900 });
      const sideways = await page.evaluate(async () => {
        const frame = () => new Promise((then) => requestAnimationFrame(then));
        // It is drawn again for the new width.
        for (let frames = 0; frames < 3; frames += 1) await frame();
        return document.documentElement.scrollWidth - innerWidth;
      });
      if (sideways > 0) throw new Error(`${view} scrolls by ${sideways} at a width of ${width}`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  console.log("sessions, rates, a timeline and a fault, without a complaint of the browser");
} finally {
  await browser.close();
  server.close();
}
