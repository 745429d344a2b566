// Browsers with the test page, and its server.

import { once } from "node:events";
import { createServer } from "node:http";
import { build } from "esbuild";
import { routePartyTracksRequest } from "partytracks/server";
// The last version that runs on the Node.js of Debian.
import puppeteer from "puppeteer-core";

const BROWSERS = {
  chromium: {
    browser: "chrome",
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // No sandbox: the machine of CI is one already.
    args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"],
  },
  firefox: {
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    // ICE has no settings here, so Firefox connects as it ships.
    extraPrefsFirefox: {
      "media.autoplay.default": 0,
      "media.navigator.permission.disabled": true,
      "media.navigator.streams.fake": true,
    },
  },
};

/** Serves the test page, and partytracks' server function. */
export async function serve({ url, app, secret }) {
  const entry = new URL("page/index.js", import.meta.url).pathname;
  const { outputFiles: [script] } = await build({ entryPoints: [entry], bundle: true, write: false });
  const page = `<!doctype html><meta charset=utf-8><title>A foreign agent</title><body><script>${script.text}</script>`;
  const server = createServer(async (request, response) => {
    if (!request.url.startsWith("/partytracks/")) {
      response.setHeader("content-type", "text/html").end(page);
      return;
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    // These headers belong to the connection to this server, not to the next one.
    const { connection, host, ...headers } = request.headers;
    const reply = await routePartyTracksRequest({
      appId: app,
      token: secret,
      realtimeApiBaseUrl: url,
      lockSessionToInitiator: true,
      request: {
        url: `http://${host}${request.url}`,
        method: request.method,
        headers: new Headers(headers),
        body: Buffer.concat(chunks),
      },
    });
    response.writeHead(reply.status, [...reply.headers].flat()).end(Buffer.from(await reply.arrayBuffer()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, address: `http://127.0.0.1:${server.address().port}/` };
}

/** Starts a browser, or names the one that does not start. */
export async function start(name) {
  return puppeteer.launch({ ...BROWSERS[name], headless: true });
}

/** Opens a tab with the test page. */
export async function open(browser, address) {
  const tab = await browser.newPage();
  tab.on("console", (message) => console.log(`  ${message.type()}: ${message.text()}`));
  tab.on("pageerror", (error) => console.log(`  ${error}`));
  await tab.goto(address);
  return tab;
}

/** Returns an object of the page, whose methods are called from here. */
export async function make(tab, kind, options) {
  const number = await tab.evaluate((kind, options) => make(kind, options), kind, options);
  const method = (name) => (...options) =>
    tab.evaluate((number, name, options) => call(number, name, options), number, name, options);
  // The proxy itself is awaited, so it must not look like a promise.
  return new Proxy({}, { get: (_, name) => name === "then" ? undefined : method(name) });
}
