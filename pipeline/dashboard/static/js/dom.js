// Elements without a framework: text is always text, never markup.

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(element, attributes);
  element.append(...children.flat(Infinity).filter(Boolean));
  return element;
}

function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
}

export function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (box.textContent = ""), 4000);
}

// A titled card; `tools` stand at its right.
export function card(title, attributes, ...children) {
  const { tools = [], note = null, ...rest } = attributes;
  return el(
    "section",
    { class: "card", ...rest },
    el("div", { class: "card-head" }, el("h2", {}, title), el("div", { class: "tools" }, ...tools)),
    note ? el("p", { class: "note" }, note) : null,
    ...children,
  );
}
