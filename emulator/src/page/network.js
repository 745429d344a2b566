// What happens to UDP packets.

import * as api from "./api.js";
import { button, element, say } from "./dom.js";
import { notify } from "./copy.js";

const PERFECT = { loss: 0, delayMs: 0, jitterMs: 0, reorder: 0 };
const FIELDS = { loss: ["Loss %", 100], delayMs: ["Delay ms", 1], jitterMs: ["Jitter ms", 1], reorder: ["Reorder %", 100] };

const now = element("p", { class: "muted" });
let look = null;

/** Prepares the part of the page. */
export function prepare(context) {
  look = context.look;
  const inputs = Object.entries(FIELDS).map(([name, [text, factor]]) => element("label", {}, `${text} `,
    element("input", { name, type: "number", min: "0", max: factor === 100 ? "100" : "60000", step: "any", value: "0" })));
  const form = element("form", { class: "order", "aria-label": "Change the network", submit: (event) => {
    event.preventDefault();
    const value = (name) => Number(form.elements[name].value) / FIELDS[name][1];
    apply(Object.fromEntries(Object.keys(FIELDS).map((name) => [name, value(name)])));
  } }, ...inputs, element("div", { class: "row" }, element("button", { class: "main" }, "Apply"),
    button("Perfect", () => {
      form.reset();
      apply(PERFECT);
    })));
  const folded = element("details", {}, element("summary", {}, "Make it worse"), form);
  document.getElementById("network").append(now, folded);
}

/** Shows how it is. */
export function show({ loss, delayMs, jitterMs, reorder }) {
  const parts = [loss > 0 && `${Math.round(loss * 1000) / 10} % lost`, delayMs > 0 && `${delayMs} ms later`,
    jitterMs > 0 && `up to ${jitterMs} ms more`, reorder > 0 && `${Math.round(reorder * 1000) / 10} % overtake`];
  say(now, parts.filter(Boolean).join(", ") || "No packet is lost or delayed.");
}

async function apply(network) {
  try {
    await api.setNetwork(network);
    notify("Applied.");
  } catch (error) {
    notify(`Refused: ${error.message}`);
  }
  look();
}
