// Page of another origin, in the developer's browser: it reads nothing and orders nothing. It may
// call the API itself, with the secret.

import { once } from "node:events";
import { createServer, request } from "node:http";

/** Fails if the page gets anywhere. */
export async function hostile(browser, { url, app, secret }) {
  const emulator = new URL(url).origin;
  const faults = async () => (await fetch(`${emulator}/__emulator/faults`)).json();
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<p>hi"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    const got = await tab.evaluate(async ({ emulator, url, app, secret }) => {
      const tried = async (call) => { try { return await call(); } catch { return "refused"; } };
      const fault = JSON.stringify({ fault: { kind: "reset" } });
      return {
        state: await tried(async () => (await fetch(`${emulator}/__emulator/state`)).text()),
        // These requests need no permission of the server before.
        text: await tried(async () => (await fetch(`${emulator}/__emulator/faults`,
          { method: "POST", body: fault, mode: "no-cors" })).type),
        beacon: navigator.sendBeacon(`${emulator}/__emulator/faults`, fault),
        cookies: await tried(async () => (await fetch(`${url}/apps/${app}/sessions/new`,
          { method: "POST", headers: { authorization: `Bearer ${secret}` }, credentials: "include" })).status),
        api: await tried(async () => (await fetch(`${url}/apps/${app}/sessions/new`,
          { method: "POST", headers: { authorization: `Bearer ${secret}` } })).status),
      };
    }, { emulator, url, app, secret });
    console.table(got);
    if (got.state !== "refused") throw new Error("the page has read the state");
    if (got.cookies !== "refused") throw new Error("the page has called with cookies");
    if (got.api !== 201) throw new Error("the page cannot call the API");
    // A beacon is sent at a time of the browser's choice.
    await new Promise((then) => setTimeout(then, 500));
    const ordered = await faults();
    if (ordered.length !== 0) throw new Error(`the page has ordered faults: ${JSON.stringify(ordered)}`);
    // A foreign name that resolves to this machine.
    const { port } = new URL(emulator);
    const rebound = request({ port, path: "/__emulator/state", headers: { host: `evil.example:${port}` } }).end();
    const [{ statusCode }] = await once(rebound, "response");
    rebound.destroy();
    if (statusCode !== 421) throw new Error(`a foreign host gets ${statusCode}`);
  } finally {
    server.close();
  }
}
