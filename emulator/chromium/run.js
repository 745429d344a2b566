// A browser as an agent of the emulator: publishes, pulls back, and talks to
// itself over data channels.
//
//     node run.js BASE_URL APP SECRET

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { chromium } from "playwright-core";

const [url, app, secret] = process.argv.slice(2);
const page = await readFile(new URL("agent.html", import.meta.url));
const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(page));
server.listen(0, "127.0.0.1");
await once(server, "listening");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // No sandbox: the machine of CI is one already.
  args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"],
});
try {
  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  const got = await tab.evaluate((emulator) => run(emulator), { url, app, secret });
  console.table(got);
  if (got.some(({ echo }) => echo !== "there, and back")) throw new Error("an echo is not what was sent");
} finally {
  await browser.close();
  server.close();
}
