/* Page of a voice room: before the room, in it, and after it. The code for the server and the
   SFU is in calls.js. */

import { Room } from "/calls/calls.js";

const $ = (id) => document.getElementById(id);
const make = (tag, options = {}, ...children) => {
  const { dataset, ...rest } = options;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
};
const icon = (name) => {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
};
/* Sets the picture and the words of a button for its present action. */
const label = (button, name, text) => {
  button.querySelector("use").setAttribute("href", `#i-${name}`);
  button.querySelector("span").textContent = text;
};

let room = null;
const mine = { audio: null, video: null, screen: null }; // Publications.
const held = { audio: null, video: null }; // Tracks of devices.

/* ---- Messages ---- */

function announce(text) {
  $("announce").textContent = "";
  setTimeout(() => $("announce").textContent = text, 50);
}

function toast(text) {
  const line = make("p", { textContent: text });
  $("toasts").append(line);
  setTimeout(() => line.remove(), 6_000);
}

function show(view) {
  for (const id of ["join", "room", "over"]) $(id).hidden = id !== view;
}

/* Returns words for a browser's refusal to give a device. */
function deviceTrouble(error, what) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return `This page may not use your ${what}. Allow it in the address bar of the browser, then try again. You can also join without.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${what} was found. Plug one in and try again, or join without: you hear and see the others all the same.`;
    case "NotReadableError":
    case "AbortError":
      return `Your ${what} cannot be used now. Another program may have it: close that one, then try again.`;
    default:
      return `Your ${what} cannot be used: ${error.message}`;
  }
}

/* ---- Devices ---- */

const kept = (key) => localStorage.getItem(`voice-room ${key}`) ?? "";
const keep = (key, value) => localStorage.setItem(`voice-room ${key}`, value);
const WORDS = { audio: "microphone", video: "camera" };

async function capture(kind) {
  if (!navigator.mediaDevices) throw new Error("the page has to be opened over https.");
  const deviceId = kept(kind);
  const picture = { width: { ideal: 1280 }, height: { ideal: 720 } };
  const wanted = { ...kind === "video" && picture, ...deviceId && { deviceId: { ideal: deviceId } } };
  const stream = await navigator.mediaDevices.getUserMedia({ [kind]: wanted });
  const [track] = stream.getTracks();
  track.addEventListener("ended", () => lostDevice(kind, track));
  return track;
}

/* Reasons for which a device is missing, by kind. */
const troubles = new Map();

/* Puts the device in use, or shows the reason if that fails. Returns whether it is in use. */
async function take(kind) {
  troubles.delete(kind);
  try {
    held[kind] = await capture(kind);
  } catch (error) {
    held[kind] = null;
    troubles.set(kind, error);
    if (room) toast(deviceTrouble(error, WORDS[kind]));
  }
  const names = new Set([...troubles.values()].map(({ name }) => name));
  const texts = names.size === 1 && troubles.size === 2
    ? [deviceTrouble(troubles.get("audio"), "microphone and camera")]
    : [...troubles].map(([kind, error]) => deviceTrouble(error, WORDS[kind]));
  $("device-error").hidden = !texts.length;
  $("device-error-text").textContent = texts.join(" ");
  await listDevices();
  return Boolean(held[kind]);
}

function release(kind) {
  held[kind]?.stop();
  held[kind] = null;
}

/* A device was unplugged: another one takes its place, if there is one. */
async function lostDevice(kind, track) {
  if (held[kind] !== track) return;
  toast(`Your ${WORDS[kind]} is gone.`);
  held[kind] = null;
  keep(kind, "");
  if (await take(kind)) await mine[kind]?.replace(held[kind]);
  else mine[kind]?.close();
  if (!held[kind]) mine[kind] = null;
  shown();
}

async function listDevices() {
  const devices = await navigator.mediaDevices?.enumerateDevices() ?? [];
  const lists = { audio: ["audioinput", $("preview-mics"), $("mics")], video: ["videoinput", $("preview-cameras"), $("cameras")] };
  for (const [kind, [type, ...selects]] of Object.entries(lists)) {
    const found = devices.filter((device) => device.kind === type);
    const current = held[kind]?.getSettings().deviceId ?? kept(kind);
    for (const select of selects) {
      select.replaceChildren(...found.map(({ deviceId, label }, at) =>
        make("option", { value: deviceId, textContent: label || `${WORDS[kind]} ${at + 1}`, selected: deviceId === current })));
      select.disabled = !found.length;
      if (!found.length) select.append(make("option", { textContent: "none found" }));
    }
  }
}

async function choose(kind, deviceId) {
  keep(kind, deviceId);
  if (!held[kind]) return;
  // Some phones have one camera at a time.
  const old = held[kind];
  held[kind] = null;
  old.stop();
  if (await take(kind)) await mine[kind]?.replace(held[kind]);
  shown();
}

/* ---- Before the room ---- */

let meter = null;

/* Shows the level of the microphone. A browser may not let it run before the first click. */
function meterOf(track) {
  meter?.close();
  meter = null;
  $("preview-level").value = 0;
  if (!track) return;
  const context = meter = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const look = () => {
    if (meter !== context) return;
    analyser.getFloatTimeDomainData(samples);
    const loud = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    $("preview-level").value = Math.min(1, loud * 5);
    setTimeout(look, 80);
  };
  look();
}

function showPreview() {
  const { audio, video } = held;
  $("preview").hidden = !video;
  $("preview").srcObject = video && new MediaStream([video]);
  $("preview-mic").classList.toggle("off", !audio);
  $("preview-camera").classList.toggle("off", !video);
  label($("preview-mic"), audio ? "mic" : "mic-off", audio ? "Turn the microphone off" : "Turn the microphone on");
  label($("preview-camera"), video ? "camera" : "camera-off", video ? "Turn the camera off" : "Turn the camera on");
  $("preview-level-label").textContent = audio ? "Your microphone" : "Microphone is off";
  const name = $("name").value.trim();
  $("preview-avatar").textContent = initials(name || "?");
  $("preview-avatar").style.setProperty("--hue", hue(name));
  meterOf(audio);
}

async function toggle(kind) {
  if (held[kind]) release(kind);
  else await take(kind);
  showPreview();
}

async function begin() {
  show("join");
  const wanted = new URLSearchParams(location.search).get("room");
  $("room-name").value = wanted ?? newName();
  $("name").value = kept("name");
  $("join-title").textContent = wanted ? `Ready to join ${wanted}?` : "Ready to talk?";
  showPreview();
  await take("audio");
  await take("video");
  if (room) publishHeld(); // The person did not wait for the devices.
  else showPreview();
}

function newName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  const first = pick(["calm", "bright", "quiet", "green", "swift", "warm", "clear", "kind"]);
  const second = pick(["otter", "harbour", "maple", "river", "lark", "meadow", "comet", "fox"]);
  return `${first}-${second}-${100 + Math.floor(Math.random() * 900)}`;
}

/* ---- Into the room ---- */

const link = () => `${location.origin}${location.pathname}?room=${encodeURIComponent($("room-name").value)}`;

async function enter() {
  const name = $("name").value.trim();
  const roomName = $("room-name").value.trim();
  keep("name", name);
  $("join-error").hidden = true;
  $("join-button").disabled = true;
  $("join-button").textContent = "Joining…";
  const url = new URL(`calls/rooms/${roomName}`, location.href).href;
  const next = new Room(url, { name, preferredRid: "l" });
  follow(next);
  try {
    await flow.open(roomName);
    await next.join();
    room = globalThis.room = next; // For the console, too.
    history.replaceState(null, "", link());
    meterOf(null);
    openRoom(roomName);
  } catch (error) {
    flow.close();
    $("join-error").textContent = error.advice ?? `It did not work: ${error.message}`;
    $("join-error").hidden = false;
  }
  $("join-button").disabled = false;
  $("join-button").textContent = "Join the room";
}

function openRoom(roomName) {
  $("room-label").textContent = roomName;
  $("alone-link").textContent = link();
  document.title = `${roomName} · Voice room`;
  show("room");
  $("room-title").focus();
  const chat = room.channel("chat");
  chat.addEventListener("message", ({ detail }) => receive(detail));
  const isListener = room.self?.role === "listener";
  for (const id of ["mic", "camera", "screen", "write"]) $(id).hidden = isListener;
  $("screen").hidden ||= !navigator.mediaDevices?.getDisplayMedia;
  publishHeld();
  showState(room);
  announce(`You are in the room ${roomName}.`);
}

/* Both in one task, and so in one request. */
function publishHeld() {
  if (room.self?.role === "listener") return;
  for (const kind of ["audio", "video"]) if (held[kind] && !mine[kind]) publish(kind);
}

async function publish(kind) {
  const options = { layers: kind === "video" };
  const at = room;
  try {
    // The publication counts at once, so that a click meanwhile finds it.
    const publication = at.publish(held[kind], options);
    mine[kind] = at.publications.at(-1);
    shown();
    await publication;
  } catch (error) {
    if (at.state === "left") return;
    mine[kind] = null;
    toast(`Your ${WORDS[kind]} is not heard or seen: ${error.message}`);
  }
  shown();
}

function follow(next) {
  const on = (type, handle) => next.addEventListener(type, ({ detail }) => handle(detail));
  on("state", (detail) => next === room && showState(detail));
  on("members", () => next === room && shown());
  on("joined", ({ name }) => say(`${name || "Somebody"} has joined.`));
  on("left", ({ name, reason }) => say(`${name || "Somebody"} ${reason === "expired" ? "has lost the connection" : reason === "removed" ? "was removed" : "has left"}.`));
  on("away", ({ member }) => away.add(member) && shown());
  on("here", ({ member }) => away.delete(member) && shown());
  on("track", (remote) => addRemote(remote));
  on("trackended", (remote) => removeRemote(remote));
  on("speaking", ({ member, isSpeaking }) => {
    for (const tile of document.querySelectorAll(`[data-member="${CSS.escape(member)}"]:not(.is-screen)`)) tile.classList.toggle("speaks", isSpeaking);
  });
  on("silenced", ({ publication, by }) => {
    const who = next.members.get(by)?.name;
    if (publication === mine.screen) stopScreen();
    say(`${who ? `${who} has` : "A moderator has"} muted your ${publication.name}.`, true);
    if (publication === mine.video) {
      publication.close();
      mine.video = null;
      release("video");
    }
    shown();
  });
  on("quality", ({ level, roundTrip }) => {
    $("quality").hidden = false;
    $("quality").dataset.level = level;
    $("quality-text").textContent = `${level[0].toUpperCase()}${level.slice(1)}, ${Math.round(roundTrip * 1_000)} ms`;
  });
  on("problem", ({ track, error }) => {
    const name = track && next.members.get(track.member)?.name;
    if (!name) return;
    const isForeign = error.code === "invalid_session_description";
    toast(isForeign ? `This browser cannot play the ${track.name} of ${name}.` : `The ${track.name} of ${name} does not come: ${error.message}`);
  });
  on("calling", (call) => flow.begin(call));
  on("call", (call) => flow.end(call));
  function say(text) {
    if (next !== room) return;
    announce(text);
    toast(text);
  }
}

/* ---- The state of the connection ---- */

const STATES = { connecting: "Connecting", connected: "Connected", repairing: "Repairing", failed: "Lost", left: "Left" };
const TROUBLES = {
  network: "The connection is lost.",
  media: "Sound and pictures do not get through.",
  expired: "You were away for too long.",
  server: "The session is over.",
};

function showState({ state, reason, advice = null, attempt = 0 }) {
  const was = $("state").dataset.state;
  $("state").dataset.state = state;
  $("state-text").textContent = STATES[state];
  $("quality").hidden ||= state !== "connected";
  const isTrouble = state === "repairing" || state === "failed";
  if (state === "repairing") {
    const tries = attempt > 1 ? ` Try ${attempt} of 5.` : "";
    banner(`${TROUBLES[reason] ?? TROUBLES.server} Connecting again…${tries}`);
  }
  if (!isTrouble && $("banner").dataset.about === "state") $("banner").hidden = true;
  if (state === "connected" && was === "repairing") announce("Connected again.");
  if (state === "failed") {
    if (["removed", "ended"].includes(reason)) return over(reason === "ended" ? "The room was ended" : "You were removed", advice, "Back to the start");
    banner(advice, "Try again", () => room.join().catch(() => {}));
  }
  shown();
}

function banner(text, action = null, then = null, about = "state") {
  $("banner-text").textContent = text;
  $("banner").dataset.about = about;
  $("banner").hidden = false;
  $("banner-button").hidden = !action;
  $("banner-button").textContent = action ?? "";
  $("banner-button").onclick = () => {
    $("banner").hidden = true;
    then?.();
  };
}

/* The page after the room. */
function over(title, text, action) {
  flow.close();
  for (const kind of ["audio", "video"]) release(kind);
  stopScreen();
  Object.assign(mine, { audio: null, video: null, screen: null });
  room = null;
  $("tiles").replaceChildren();
  $("screens").replaceChildren();
  $("sound").replaceChildren();
  emptyLog();
  $("over-title").textContent = title;
  $("over-text").textContent = text;
  $("over-button").textContent = action;
  document.title = `${title} · Voice room`;
  if ($("device-dialog").open) $("device-dialog").close();
  show("over");
  $("over-title").focus();
}

/* ---- People ---- */

const initials = (name) => name.split(/\s+/).map((word) => [...word][0] ?? "").slice(0, 2).join("").toUpperCase();
const hue = (name) => String([...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 210));

/* Members that have lost the connection for events. Others have never had one: they publish by
   WHIP, or are programs. */
const away = new Set();

/* Lists the tiles, each of a member or a screen, from the state of the room. Elements stay in
   place, so that pictures do not stop. */
function shown() {
  if (!room) return;
  const remotes = room.remotes.filter(({ kind }) => kind === "video");
  const tiles = [];
  const screens = [];
  for (const member of room.members.values()) {
    const isMe = member.id === room.me;
    const microphone = member.tracks.find(({ kind }) => kind === "audio");
    const isMuted = isMe ? !mine.audio || mine.audio.muted : !microphone || microphone.muted;
    const camera = remotes.find((remote) => remote.member === member.id && remote.name !== "screen");
    const picture = isMe ? mine.video && held.video : camera?.track;
    tiles.push({ key: member.id, member, isMe, isMuted, picture, remote: camera, name: member.name || "Guest" });
    for (const remote of remotes) {
      if (remote.member === member.id && remote.name === "screen") screens.push({ key: remote.key, member, picture: remote.track, remote, isScreen: true, name: `${member.name || "Guest"}’s screen` });
    }
    if (isMe && mine.screen) screens.push({ key: "my screen", member, isMe, isScreen: true, picture: mine.screen.track, name: "Your screen" });
  }
  tiles.sort((one, other) => Boolean(one.isMe) - Boolean(other.isMe));
  place($("tiles"), tiles);
  place($("screens"), screens);
  $("screens").hidden = !screens.length;
  const isAlone = room.members.size <= 1;
  $("alone").hidden = !isAlone;
  document.querySelector(".stage").classList.toggle("is-alone", isAlone);
  showControls();
  fitGrid();
}

function place(list, items) {
  const old = new Map([...list.children].map((tile) => [tile.dataset.key, tile]));
  for (const item of items) {
    const tile = old.get(item.key) ?? makeTile(item);
    old.delete(item.key);
    fill(tile, item);
    list.append(tile);
  }
  for (const tile of old.values()) {
    tile.unfit?.();
    tile.remove();
  }
}

function makeTile({ key, member, isMe, isScreen }) {
  const tile = make("li", { className: "tile", dataset: { key, member: member.id } });
  tile.classList.toggle("is-me", Boolean(isMe));
  tile.classList.toggle("is-screen", Boolean(isScreen));
  const video = make("video", { autoplay: true, playsInline: true, muted: true, hidden: true });
  video.disablePictureInPicture = false;
  tile.append(make("span", { className: "avatar", ariaHidden: "true" }), video, make("p", { className: "plate" }), make("div", { className: "tools" }));
  return tile;
}

function fill(tile, { member, isMe, isMuted, isScreen, picture, remote, name }) {
  const [avatar, video, plate, tools] = tile.children;
  avatar.textContent = isScreen ? "" : initials(name);
  avatar.hidden = Boolean(isScreen);
  avatar.style.setProperty("--hue", hue(name));
  if (video.srcObject?.getVideoTracks()[0] !== picture) {
    video.srcObject = picture ? new MediaStream([picture]) : null;
    if (picture) video.play().catch(() => {});
  }
  video.hidden = !picture;
  if (tile.fitted !== remote?.key) {
    tile.unfit?.();
    tile.fitted = remote?.key;
    tile.unfit = remote && !isScreen ? room.fit(remote, tile) : null;
  }
  const isAway = away.has(member.id) && !isMe;
  tile.classList.toggle("is-away", isAway);
  const state = `${name}|${isMuted}|${isAway}|${room.self?.role}|${member.tracks.length}`;
  if (tile.dataset.state === state) return;
  tile.dataset.state = state;
  const words = make("span", { textContent: isMe && !isScreen ? `${name} (you)` : name });
  plate.replaceChildren(words);
  if (isMuted && !isScreen) plate.append(icon("mic-off"), make("span", { className: "hidden", textContent: ", muted" }));
  if (isAway) plate.append(make("em", { textContent: "connection lost…" }));
  tools.replaceChildren();
  if (room.self?.role !== "moderator" || isMe || isScreen) return;
  const track = member.tracks.find(({ kind, muted }) => kind === "audio" && !muted);
  const id = member.id;
  if (track) tools.append(tool("mic-off", `Mute ${name}`, () => room.muteOther(id, track.trackName)));
  tools.append(tool("remove", `Remove ${name}`, () => room.remove(id)));
}

function tool(picture, title, action) {
  const button = make("button", { type: "button", title }, icon(picture), make("span", { className: "hidden", textContent: title }));
  button.addEventListener("click", () => action().catch((error) => toast(error.message)));
  return button;
}

/* Chooses the number of columns that makes the tiles largest. */
function fitGrid() {
  for (const [list, shape] of [[$("tiles"), 4 / 3], [$("screens"), 16 / 9]]) {
    const count = list.children.length;
    const { clientWidth: width, clientHeight: height } = list;
    if (!count || !width) continue;
    const least = list === $("tiles") && !$("screens").hidden ? 88 : 136;
    const sizes = Array.from({ length: count }, (_, at) => at + 1).map((columns) => {
      const high = height / Math.ceil(count / columns);
      // Small tiles are better than hidden ones.
      const size = Math.min(width / columns, Math.max(high, least) * shape);
      return { columns, size: high < least ? size / 2 : size };
    });
    const { columns } = sizes.reduce((best, next) => next.size > best.size * 1.01 ? next : best);
    list.style.setProperty("--columns", String(columns));
    list.style.setProperty("--least", `${least}px`);
    list.style.setProperty("--rows", String(Math.ceil(count / columns)));
  }
}

function addRemote(remote) {
  if (remote.kind === "audio") {
    removeRemote(remote);
    const audio = make("audio", { autoplay: true, dataset: { key: remote.key } });
    audio.srcObject = new MediaStream([remote.track]);
    $("sound").append(audio);
    audio.play().catch((error) => {
      if (error.name !== "NotAllowedError") return;
      banner("The browser plays no sound before you click.", "Hear the others", () => {
        for (const other of $("sound").children) other.play().catch(() => {});
      }, "sound");
    });
  }
  shown();
}

function removeRemote({ key }) {
  for (const audio of [...$("sound").children]) if (audio.dataset.key === key) audio.remove();
  shown();
}

/* ---- Controls ---- */

function showControls() {
  const isHeard = mine.audio && !mine.audio.muted;
  label($("mic"), isHeard ? "mic" : "mic-off", isHeard ? "Mute" : "Unmute");
  $("mic").classList.toggle("off", !isHeard);
  label($("camera"), mine.video ? "camera" : "camera-off", mine.video ? "Stop camera" : "Start camera");
  $("camera").classList.toggle("off", !mine.video);
  label($("screen"), "screen", mine.screen ? "Stop sharing" : "Share screen");
  $("screen").setAttribute("aria-pressed", String(Boolean(mine.screen)));
}

async function toggleMicrophone() {
  if (!mine.audio) {
    if (held.audio || await take("audio")) await publish("audio");
  } else if (mine.audio.muted) await mine.audio.unmute();
  else await mine.audio.mute();
  shown();
  announce(mine.audio && !mine.audio.muted ? "The microphone is on." : "The microphone is off.");
}

/* Turns the camera off completely, so that its light goes out. */
async function toggleCamera() {
  if (mine.video) {
    mine.video.close();
    mine.video = null;
    release("video");
  } else if (await take("video")) await publish("video");
  shown();
  announce(mine.video ? "The camera is on." : "The camera is off.");
}

async function toggleScreen() {
  if (mine.screen) return stopScreen();
  let track;
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
    [track] = stream.getVideoTracks();
  } catch (error) {
    if (error.name !== "NotAllowedError") toast(`The screen cannot be shared: ${error.message}`);
    return;
  }
  track.contentHint = "detail";
  track.addEventListener("ended", stopScreen);
  room.publish(track, { name: "screen" }).catch((error) => {
    toast(`The screen is not shared: ${error.message}`);
    stopScreen();
  });
  mine.screen = room.publications.at(-1);
  shown();
}

function stopScreen() {
  if (!mine.screen) return;
  mine.screen.track.stop();
  mine.screen.close();
  mine.screen = null;
  shown();
}

async function copyLink(button) {
  const text = button.querySelector("span");
  const before = text.dataset.text ??= text.textContent;
  try {
    await navigator.clipboard.writeText(link());
    text.textContent = "Copied";
    announce("The link is copied.");
  } catch {
    toast(`Copy it from here: ${link()}`);
  }
  setTimeout(() => text.textContent = before, 2_000);
}

/* ---- Panels ---- */

let openPanel = null;

function panel(name) {
  const last = openPanel;
  openPanel = openPanel === name ? null : name;
  for (const id of ["chat", "flow"]) $(id).hidden = id !== openPanel;
  for (const button of document.querySelectorAll("[data-open]")) button.setAttribute("aria-expanded", String(button.dataset.open === openPanel));
  $("middle").classList.toggle("has-panel", Boolean(openPanel));
  if (openPanel === "chat") {
    $("unread").hidden = true;
    unread = 0;
    $("message").focus();
    $("log-box").scrollTop = $("log-box").scrollHeight;
  }
  if (openPanel === "flow") {
    $("flow-title").focus();
    flow.scroll(true);
  }
  if (!openPanel) document.querySelector(`[data-open="${last}"]`).focus();
  fitGrid();
}

/* ---- Chat ---- */

let unread = 0;

function emptyLog() {
  $("log").replaceChildren(make("li", { className: "empty", textContent: "Nothing has been said yet." }));
}

function write({ name, text, isMine }) {
  const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const line = make("li", {}, make("small", { textContent: `${isMine ? "You" : name}, ${time}` }), make("p", { textContent: text }));
  line.classList.toggle("mine", Boolean(isMine));
  $("log").querySelector(".empty")?.remove();
  $("log").append(line);
  while ($("log").children.length > 500) $("log").firstChild.remove();
  $("log-box").scrollTop = $("log-box").scrollHeight;
}

function receive({ name, data }) {
  let text;
  try { ({ text } = JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data))); } catch { return; }
  if (typeof text !== "string") return;
  write({ name: name || "Guest", text: text.slice(0, 2_000) });
  if (openPanel === "chat") return;
  unread += 1;
  $("unread").hidden = false;
  $("unread").replaceChildren(String(unread), make("span", { className: "hidden", textContent: " new" }));
  announce(`Message of ${name || "a guest"}: ${text.slice(0, 200)}`);
}

function send() {
  const text = $("message").value.trim();
  if (!text) return;
  if (!room.channel("chat").send(JSON.stringify({ text }))) return toast("The chat is not connected. Try again in a moment.");
  write({ text, isMine: true });
  $("message").value = "";
}

/* ---- The sequence diagram ---- */

const OPERATIONS = {
  new_session: "sessions/new",
  new_tracks: "tracks/new",
  renegotiate: "renegotiate",
  close_tracks: "tracks/close",
  update_tracks: "tracks/update",
  establish_data_channels: "datachannels/establish",
  new_data_channels: "datachannels/new",
  update_data_channels: "datachannels/update",
  close_data_channels: "datachannels/close",
  get_session: "sessions/{id}",
  generate_ice_servers: "generate-ice-servers",
};

/* Arrows of calls: those of this browser come from calls.js, those of the backend from its
   stream. */
const flow = {
  source: null,
  pending: new Map(),
  step: null,
  late: null,

  /* Connects to the stream. Resolves once it is open, or after a short time. */
  open(roomName) {
    this.close();
    const source = this.source = new EventSource(`diagram?room=${encodeURIComponent(roomName)}`);
    source.onmessage = ({ data }) => this.hear(JSON.parse(data));
    return new Promise((then) => {
      source.onopen = source.onerror = then;
      setTimeout(then, 500);
    });
  },

  close() {
    this.source?.close();
    this.source = null;
  },

  begin({ number, method, path, step }) {
    const arrow = this.add("near", `${method} ${short(path)}`, step);
    arrow.classList.add("pending");
    arrow.step = step;
    arrow.operation = path.split("/").slice(-2).join("/");
    this.pending.set(number, arrow);
  },

  end({ number, status, ms }) {
    const arrow = this.pending.get(number);
    this.pending.delete(number);
    if (arrow) this.finish(arrow, status, ms);
  },

  /* Shows a call of the backend, which may be for another member. */
  hear({ operation, method, status, ms, label }) {
    const id = label?.split("/").pop();
    const isMine = id === room?.me;
    const path = OPERATIONS[operation] ?? operation;
    const asked = [...this.pending.values()].find((arrow) => arrow.operation.endsWith(path.split("/").slice(-2).join("/")));
    const step = isMine ? asked?.step : { close_tracks: "remote client leaves", new_session: "remote client joins" }[operation];
    const arrow = this.add("far", `${method} ${path}`, step);
    if (!isMine) {
      arrow.classList.add("others");
      arrow.who = room?.members.get(id)?.name || "another one";
    }
    this.finish(arrow, status, ms);
  },

  add(side, text, step) {
    const list = $("arrows");
    if (step && step !== this.step) {
      this.step = step;
      list.append(make("li", { className: "note" }, make("span", { textContent: step })));
    }
    if (step) this.light(step);
    const arrow = make("div", { className: `arrow ${side}` }, make("b", {}, ...text.split(/(?<=\/)/).flatMap((part) => [part, make("wbr")])), make("i", { ariaHidden: "true" }), make("small", { textContent: "…" }));
    list.append(make("li", {}, arrow));
    while (list.children.length > 200) list.firstChild.remove();
    this.scroll();
    return arrow;
  },

  finish(arrow, status, ms) {
    const isGood = status >= 200 && status < 300;
    const words = make("span", { className: isGood ? "good" : "bad", textContent: status || "no reply" });
    arrow.lastChild.replaceChildren(words, ` · ${ms ?? "?"} ms`, arrow.who ? ` · for ${arrow.who}` : "");
    arrow.classList.remove("pending");
    arrow.classList.toggle("failed", !isGood);
    this.scroll();
  },

  light(step) {
    for (const item of $("steps").children) item.classList.toggle("lit", item.dataset.step === step);
    clearTimeout(this.late);
    this.late = setTimeout(() => {
      for (const item of $("steps").children) item.classList.remove("lit");
    }, 4_000);
  },

  scroll(isForced = false) {
    const box = $("arrows-box");
    if (isForced || box.scrollHeight - box.scrollTop - box.clientHeight < 160) box.scrollTop = box.scrollHeight;
  },
};

const short = (path) => path.replace("sessions/{id}/", "") || "room";

/* ---- Actions of the person ---- */

const onClick = (id, action) => $(id).addEventListener("click", action);

$("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter();
});
$("name").addEventListener("input", () => {
  const name = $("name").value.trim();
  $("preview-avatar").textContent = initials(name || "?");
  $("preview-avatar").style.setProperty("--hue", hue(name));
});
for (const type of ["pointerdown", "keydown"]) addEventListener(type, () => meter?.state === "suspended" && meter.resume());
onClick("preview-mic", () => toggle("audio"));
onClick("preview-camera", () => toggle("video"));
onClick("device-again", async () => {
  for (const kind of ["audio", "video"]) if (!held[kind]) await take(kind);
  showPreview();
});
for (const [id, kind] of [["preview-mics", "audio"], ["preview-cameras", "video"], ["mics", "audio"], ["cameras", "video"]]) {
  $(id).addEventListener("change", async () => {
    await choose(kind, $(id).value);
    if (!room) showPreview();
  });
}
navigator.mediaDevices?.addEventListener("devicechange", listDevices);
onClick("mic", toggleMicrophone);
onClick("camera", toggleCamera);
onClick("screen", toggleScreen);
onClick("devices", async () => {
  await listDevices();
  $("device-dialog").showModal();
});
onClick("device-close", () => $("device-dialog").close());
onClick("copy", () => copyLink($("copy")));
onClick("alone-copy", () => copyLink($("alone-copy")));
onClick("leave", async () => {
  const leaving = room;
  const left = leaving.leave();
  // A person who looks at the diagram sees its last step.
  if (openPanel === "flow") await Promise.all([left, new Promise((then) => setTimeout(then, 1_500))]);
  if (room === leaving) over("You have left", "The room is there as long as somebody is in it.", "Join again");
});
onClick("over-button", begin);
for (const button of document.querySelectorAll("[data-open]")) button.addEventListener("click", () => panel(button.dataset.open));
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => panel(button.dataset.close));
addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && openPanel && !$("device-dialog").open) panel(openPanel);
});
$("write").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
new ResizeObserver(fitGrid).observe($("middle"));
emptyLog();

begin();
