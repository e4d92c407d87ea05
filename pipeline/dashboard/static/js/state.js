// What is shown lives in the URL: the page in its path, the selections in its query. Language and theme are remembered, too.

export const RANGES = ["today", "yesterday", "7d", "28d"];
export const CLASSES = ["motorcycle", "car", "bus", "truck", "bicycle"];
const DEFAULTS = { range: "today", unit: "veh", class: "all" };
const REMEMBERED = { lang: ["id", "en"], theme: ["auto", "light", "dark"] };
const listeners = new Set();

export function read() {
  const query = new URLSearchParams(location.search);
  const [, page = "", camera = ""] = location.pathname.split("/");
  const state = { page: page || "city", camera: decodeURIComponent(camera) };
  for (const [key, value] of Object.entries(DEFAULTS)) state[key] = query.get(key) || value;
  if (state.class !== "all" && !CLASSES.includes(state.class)) state.class = "all";
  if (state.unit !== "smp") state.unit = "veh";
  for (const [key, values] of Object.entries(REMEMBERED)) {
    const asked = [query.get(key), localStorage.getItem(`simpang.${key}`)];
    state[key] = asked.find((value) => values.includes(value)) || values[0];
  }
  return state;
}

// The address of the current page with `changes` to the state.
export function href(changes = {}) {
  const state = { ...read(), ...changes };
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(DEFAULTS)) if (state[key] !== value) query.set(key, state[key]);
  const now = new URLSearchParams(location.search);
  for (const key of Object.keys(REMEMBERED)) if (now.has(key) || key in changes) query.set(key, state[key]);
  const path = state.page === "city" ? "/" : `/${state.page}/${encodeURIComponent(state.camera)}`;
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function go(changes) {
  for (const key of Object.keys(REMEMBERED)) if (key in changes) localStorage.setItem(`simpang.${key}`, changes[key]);
  history.pushState(null, "", href(changes));
  tell();
}

export function onChange(listener) {
  listeners.add(listener);
}

function tell() {
  for (const listener of listeners) listener();
}

window.addEventListener("popstate", tell);

// Links within the page change the state instead of loading anew.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-go]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  history.pushState(null, "", link.getAttribute("href"));
  tell();
  window.scrollTo(0, 0);
});
