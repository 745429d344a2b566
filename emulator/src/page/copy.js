// Copies for the command line.

import { say } from "./dom.js";

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Returns the command for a listed request. The page does not know its body and the secret. */
export function curlOfRequest({ method, path }) {
  const hasBody = method !== "GET" && !path.endsWith("/sessions/new");
  const body = hasBody ? " -d @body.json" : "";
  return `curl -X ${method} -H "Authorization: Bearer $CALLS_SECRET"${body} ${quoted(location.origin + path)}`;
}

/** Returns the command for a rule of a fault. */
export function curlOfFault(rule) {
  return `curl -d ${quoted(JSON.stringify(rule))} ${quoted(`${location.origin}/__emulator/faults`)}`;
}

/** Shows a message to the person, once. */
export function notify(text) {
  const notice = document.getElementById("notice");
  say(notice, text);
  clearTimeout(notify.timer);
  notify.timer = setTimeout(() => say(notice, ""), 4000);
}

/** Copies a text. Browsers give the clipboard to secure origins only. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied.");
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text, className: "hidden" });
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    notify(document.execCommand("copy") ? "Copied." : text);
    field.remove();
    focused?.focus();
  }
}
