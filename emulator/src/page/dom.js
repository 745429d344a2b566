// Elements that stay in place while their content changes.

const SVG = "http://www.w3.org/2000/svg";

/** Returns an HTML element. A function as attribute is a listener. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Returns an SVG element. */
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else set(made, name, value);
  }
  made.append(...children);
  return made;
}

/** Sets an attribute if its value differs. Null or false removes it. */
export function set(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
}

/** Sets the text of an element if it differs. */
export function say(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

const kept = new WeakMap();

/**
 * Makes the children of `parent` those of `items`. Items with the same key keep their element, so
 * that it keeps the focus.
 */
export function keyed(parent, items, key, make, update) {
  const old = kept.get(parent) ?? new Map();
  const now = new Map();
  for (const item of items) {
    const name = key(item);
    const node = old.get(name) ?? make(item);
    update?.(node, item);
    now.set(name, node);
  }
  for (const [name, node] of old) if (now.get(name) !== node) node.remove();
  let next = parent.firstChild;
  for (const node of now.values()) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  kept.set(parent, now);
}

/**
 * Returns a table whose rows are kept by key. `columns` have a head, and a cell that is filled for
 * an item: with a text, or by a function that gets the cell. The roles remain those of a table
 * where a style makes blocks of the rows.
 */
export function table(caption, columns) {
  const body = element("tbody", { role: "rowgroup" });
  const head = element("tr", { role: "row" }, ...columns.map(({ head, kind, label }) =>
    element("th", { scope: "col", role: "columnheader", class: kind }, label ? element("span", { class: "hidden" }, label) : head)));
  const node = element("div", { class: "scroll" },
    element("table", { role: "table" }, element("caption", { class: "hidden" }, caption),
      element("thead", { role: "rowgroup" }, head), body));
  const make = () => element("tr", { role: "row" }, ...columns.map(({ kind, isHead }) => isHead
    ? element("th", { scope: "row", role: "rowheader", class: kind })
    : element("td", { role: "cell", class: kind })));
  const update = (row, item) => columns.forEach(({ fill }, index) => {
    const cell = row.children[index];
    const text = fill(item, cell, row);
    if (text !== undefined) say(cell, text);
  });
  const show = (items, key) => {
    keyed(body, items, key, make, update);
    // Without a pointer, a person scrolls the element that has the focus.
    const isWide = node.scrollWidth > node.clientWidth;
    set(node, "tabindex", isWide ? "0" : null);
    set(node, "role", isWide ? "group" : null);
    set(node, "aria-label", isWide ? caption : null);
  };
  return { node, show };
}

/** Returns a table of which only the first rows are shown until more are asked for. */
export function folded(list, few) {
  let [isOpen, shown] = [false, () => {}];
  const more = button("", () => {
    isOpen = !isOpen;
    shown();
  });
  const show = (items, key) => {
    shown = () => show(items, key);
    list.show(isOpen ? items : items.slice(0, few), key);
    say(more, isOpen ? `Show ${few}` : `Show all ${items.length}`);
    more.hidden = items.length <= few;
  };
  return { node: element("div", {}, list.node, more), show };
}

/** Returns a button. */
export function button(text, click, attributes = {}) {
  return element("button", { type: "button", click, ...attributes }, text);
}
