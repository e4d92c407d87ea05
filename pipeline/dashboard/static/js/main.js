// Puts the bar and the page of the current URL together, and keeps them fresh.
import { ask, watch } from "./api.js";
import { bar, liveLamp } from "./bar.js";
import { chartsReady, forget } from "./charts.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";
import { cityPage } from "./pages/city.js";
import { healthPage } from "./pages/health.js";
import { junctionPage } from "./pages/junction.js";
import { linesPage } from "./pages/lines.js";
import { onChange, read } from "./state.js";

const PAGES = { city: cityPage, junction: junctionPage, health: healthPage, lines: linesPage };
const REFRESH_MS = 60_000;
const PREPARE_MS = 1000;
const main = document.getElementById("main");
let catalogue = null;
let shown = null;
let turn = 0;

function dress(state) {
  const dark = state.theme === "dark" || (state.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.lang = state.lang;
  document.getElementById("skip").textContent = t("skip");
}

// Shows the page of the URL. With `fresh` only its data is asked for again, and what is open stays open.
async function show(fresh = false) {
  const state = read();
  const mine = ++turn;
  dress(state);
  const key = JSON.stringify([state.page, state.camera]);
  try {
    if (!catalogue || !fresh) catalogue = await ask("/api/cameras");
    if (mine !== turn) return;
    if (!fresh) document.getElementById("bar").replaceChildren(...bar(state, catalogue));
    const page = PAGES[state.page] || cityPage;
    if (fresh && page.keepsItself) return;
    if (key !== shown?.key) {
      main.replaceChildren(el("p", { class: "note wait" }, t("loading")));
      forget();
    }
    const render = await page(state, catalogue);
    if (mine !== turn) return;
    forget();
    const top = window.scrollY;
    main.replaceChildren();
    render(main);
    window.scrollTo(0, key === shown?.key ? top : 0);
    main.dataset.ready = String(mine);
    shown = { key };
  } catch (error) {
    if (mine !== turn) return;
    if (fresh) return console.warn(error.message);
    main.replaceChildren(
      el("div", { class: "card problem", role: "alert" }, el("p", {}, t("failed", { reason: error.message })),
        el("button", { onclick: () => show() }, t("retry"))),
    );
    shown = null;
  }
}

onChange(() => show());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
// Once the first page stands, what the others draw with is fetched for them.
show().then(() => setTimeout(() => chartsReady().catch((error) => console.warn(error.message)), PREPARE_MS));
setInterval(() => document.hidden || show(true), REFRESH_MS);
watch(
  (cameras) => {
    const state = read();
    if (state.page === "city" || cameras.includes(state.camera)) show(true);
    liveLamp(true, true);
  },
  (connected) => liveLamp(connected, false),
);
