// Full names of shortened texts, at the pointer or the focus.

import { element, say } from "./dom.js";

const tip = element("div", { class: "tip", "aria-hidden": "true" });
tip.hidden = true;

/** Shows the tips from now on. */
export function showTips() {
  document.body.append(tip);
  const on = ({ target }) => show(target.closest?.("[data-full]"));
  document.addEventListener("pointerover", on);
  document.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && on(event));
  document.addEventListener("focusout", () => show(null));
  document.addEventListener("keydown", ({ key }) => key === "Escape" && show(null));
}

function show(node) {
  tip.hidden = !node;
  if (!node) return;
  say(tip, node.dataset.full);
  const { left, bottom, top } = node.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const isLow = bottom + tip.offsetHeight + 10 > innerHeight;
  tip.style.left = `${Math.max(4, Math.min(left, width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${isLow ? top - tip.offsetHeight - 6 : bottom + 6}px`;
}
