// Browsers, the page of the room in them, and the emulator behind it.

import assert from "node:assert/strict";
import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const BROWSERS = {
  chromium: {
    browser: "chrome",
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // No sandbox: the machine of CI is one already. No tab counts as being in the background.
    args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox",
      "--auto-accept-this-tab-capture", "--disable-background-timer-throttling",
      "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding"],
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

/** Starts a browser, or names the one that does not start. */
export async function start(name) {
  return puppeteer.launch({ ...BROWSERS[name], headless: true });
}

export const sleep = (ms) => new Promise((then) => setTimeout(then, ms));

/** Waits until a condition gives a value, and returns it. */
export async function until(what, is, seconds = 20) {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    const got = await is();
    if (got) return got;
    if (Date.now() > deadline) throw new Error(`no ${what} within ${seconds} s`);
    await sleep(100);
  }
}

/** Opens a tab with the page, before the room. Each has a storage of its own, as persons have. */
export async function open(browser, { url }, room) {
  const context = await browser.createBrowserContext();
  const tab = await context.newPage();
  tab.errors = [];
  tab.on("pageerror", (error) => tab.errors.push(String(error)));
  tab.on("console", (message) => {
    if (process.env.LOUD) console.log(`  ${message.type()}: ${message.text()}`);
    if (/Content.Security.Policy/i.test(message.text())) tab.errors.push(message.text());
  });
  await tab.goto(`${url}?room=${room}`);
  await tab.waitForFunction(() => document.querySelector("#preview-cameras").options.length > 0);
  return tab;
}

/** Opens a tab of the same origin that runs none of our code but `page/<name>.js`, which makes
    the global `<name>`. */
export async function stranger(browser, url, name) {
  const entry = new URL(`page/${name}.js`, import.meta.url).pathname;
  const { outputFiles: [script] } = await build({ entryPoints: [entry], bundle: true, write: false });
  const tab = await (await browser.createBrowserContext()).newPage();
  tab.on("console", (message) => {
    const isRefusal = message.text().startsWith("Failed to load");
    if (message.type() === "error" && !isRefusal) console.log(`  ${name}: ${message.text()}`);
  });
  await tab.goto(new URL("room.css", url).href);
  await tab.evaluate(script.text);
  const run = (name, method, options) => globalThis[name][method](...options);
  return { tab, call: (method, ...options) => tab.evaluate(run, name, method, options) };
}

/** Types a name and goes into the room. */
export async function enter(tab, name) {
  await tab.$eval("#name", (field, name) => field.value = name, name);
  await tab.$eval("#join-button", (button) => button.click());
}

/** Opens a tab in the room, connected. */
export async function join(browser, place, room, name) {
  const tab = await open(browser, place, room);
  await enter(tab, name);
  await connected(tab);
  return tab;
}

export async function connected(tab, seconds = 30) {
  await until("connected room", () => tab.evaluate(() => globalThis.room?.state === "connected"), seconds);
}

export async function press(tab, selector) {
  await tab.$eval(selector, (button) => button.click());
}

/** Returns the tab's view of its room. */
export async function look(tab) {
  return tab.evaluate(() => ({
    me: room.me,
    state: room.state,
    sessionId: room.sessionId,
    members: [...room.members.values()].map(({ id, name, tracks }) => ({ id, name, tracks })),
    remotes: room.remotes.map(({ member, kind, name, mid }) => ({ member, kind, name, mid })),
  }));
}

/** Returns the counts of each track of the others: bytes, decoded pictures, the energy of sound. */
export async function received(tab) {
  return tab.evaluate(async () => {
    const stats = [...(await room.connection?.getStats() ?? new Map()).values()];
    return Object.fromEntries(room.remotes.map(({ member, kind, name, mid, track }) => {
      const stat = stats.find(({ type, mid: at, trackIdentifier }) =>
        type === "inbound-rtp" && (at === mid || trackIdentifier === track.id)) ?? {};
      const { bytesReceived = 0, framesDecoded = 0, totalAudioEnergy = 0, audioLevel = 0 } = stat;
      return [`${member} ${name}`, { kind, bytesReceived, framesDecoded, sound: Math.max(totalAudioEnergy, audioLevel) }];
    }));
  });
}

/** Waits until packets have come on each of this many tracks. */
export async function flows(tab, count, seconds = 30) {
  const before = await until(`${count} tracks`, async () => {
    const now = await received(tab);
    return Object.keys(now).length === count && now;
  }, seconds).catch(async (error) => {
    throw new Error(`${error.message}: ${JSON.stringify(await look(tab))}`);
  });
  await until("media of each track", async () => {
    const now = await received(tab);
    return Object.entries(before).every(([key, old]) => {
      const stat = now[key];
      if (!stat || stat.bytesReceived <= old.bytesReceived) return false;
      return stat.kind === "audio" ? stat.sound > 0 : stat.framesDecoded >= old.framesDecoded + 5;
    });
  }, seconds);
}

/** Returns the emulator's own API. */
export function control(base) {
  const call = async (method, path, body) => {
    const reply = await fetch(`${base}/__emulator/${path}`, { method, body: body && JSON.stringify(body) });
    assert.ok(reply.ok, `${path}: ${reply.status}`);
    const text = await reply.text();
    return text ? JSON.parse(text) : null;
  };
  return {
    fault: (rule) => call("POST", "faults", rule),
    clear: () => call("DELETE", "faults"),
    violations: () => call("GET", "violations"),
    session: (id) => call("GET", `sessions/${id}`),
  };
}

/** Checks that these tabs have reported no error. */
export function assertQuiet(...tabs) {
  for (const tab of tabs) assert.deepEqual(tab.errors, []);
}

export async function close(...tabs) {
  for (const tab of tabs) await tab.browserContext().close();
}
