// Network conditions of UDP packets.

import * as api from "./api.js";
import { button, element, say } from "./dom.js";
import { notify } from "./copy.js";

/** Numbers of the network: the label, the factor, and the maximum. */
const FIELDS = {
  loss: ["Loss %", 100, 100],
  burst: ["In bursts of", 1, 10_000],
  delayMs: ["Delay ms", 1, 60_000],
  jitterMs: ["Jitter ms", 1, 60_000],
  reorder: ["Reorder %", 100, 100],
  rateKbps: ["At most kbit/s", 1, 100_000_000],
};

const now = element("p", { class: "muted" });
let look = null;

/** Prepares the part of the page. */
export function prepare(context) {
  look = context.look;
  const inputs = Object.entries(FIELDS).map(([name, [text, , max]]) => element("label", {}, `${text} `,
    element("input", { name, type: "number", min: "0", max, step: /Ms$|Kbps$/.test(name) ? "1" : "any" })));
  const form = element("form", { class: "order", "aria-label": "Change the network", submit: (event) => {
    event.preventDefault();
    const given = Object.keys(FIELDS).filter((name) => Number(form.elements[name].value) > 0);
    apply(Object.fromEntries(given.map((name) => [name, Number(form.elements[name].value) / FIELDS[name][1]])));
  } }, ...inputs, element("div", { class: "row" }, element("button", { class: "main" }, "Apply"),
    button("Perfect", () => {
      form.reset();
      apply({});
    })));
  const folded = element("details", {}, element("summary", {}, "Make it worse"), form);
  document.getElementById("network").append(now, folded);
}

/** Shows the conditions. */
export function show({ loss, burst, delayMs, jitterMs, reorder, rateKbps }) {
  const percent = (part) => `${Math.round(part * 1000) / 10} %`;
  const parts = [
    loss > 0 && `${percent(loss)} lost`, loss > 0 && burst > 1 && `in bursts of ${burst}`,
    delayMs > 0 && `${delayMs} ms later`, jitterMs > 0 && `up to ${jitterMs} ms more`,
    reorder > 0 && `${percent(reorder)} overtake`, rateKbps && `at most ${rateKbps} kbit/s`,
  ];
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
