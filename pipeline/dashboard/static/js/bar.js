// The bar: where one is, and the selections that live in the URL.
import { el } from "./dom.js";
import { cameraName } from "./format.js";
import { t } from "./i18n.js";
import { CLASSES, RANGES, go, href } from "./state.js";

let lamp = null;
let connected_ = false;

export function bar(state, catalogue) {
  const camera = catalogue.cameras.some((known) => known.id === state.camera) ? state.camera : catalogue.cameras[0]?.id;
  const pages = ["city", "junction", "health", ...(catalogue.editor ? ["lines"] : [])];
  lamp = el("span", { class: "lamp", role: "img" });
  liveLamp(connected_, false);
  return [
    el("div", { class: "brand" }, el("img", { src: "/static/icon.svg", alt: "", width: 26, height: 26 }), el("span", {}, "Simpang"), lamp),
    el(
      "nav",
      { "aria-label": "Simpang" },
      pages.map((page) =>
        page === "city" || camera
          ? el("a", { href: href({ page, camera }), "data-go": true, "aria-current": page === state.page ? "page" : null }, t(page))
          : null,
      ),
    ),
    folded(selectors(state, catalogue)),
  ];
}

// On a phone the selections would fill the first screen: there they are folded until somebody unfolds them.
const narrow = matchMedia("(max-width: 900px)");
let unfolded = false;
let folder = null;
narrow.addEventListener("change", () => folder && (folder.open = unfolded || !narrow.matches));

function folded(content) {
  folder = el("details", { class: "selectors", open: unfolded || !narrow.matches, ontoggle: () => narrow.matches && (unfolded = folder.open) },
    el("summary", {}, t("selection")), el("div", { class: "selector-list" }, content));
  return folder;
}

function selectors(state, catalogue) {
  const perCamera = state.page !== "city";
  const counts = state.page === "city" || state.page === "junction";
  return [
    perCamera ? select("camera", state.camera, catalogue.cameras.map((known) => [known.id, cameraName(known)])) : null,
    perCamera && state.page !== "lines" ? ranges(state) : null,
    counts ? select("class", state.class, ["all", ...CLASSES].map((name) => [name, t(name)])) : null,
    counts ? select("unit", state.unit, [["veh", t("vehicles")], ["smp", t("smp")]]) : null,
    select("lang", state.lang, [["id", "Indonesia"], ["en", "English"]], t("language")),
    select("theme", state.theme, ["auto", "light", "dark"].map((name) => [name, t(`theme_${name}`)])),
  ];
}

function ranges(state) {
  const own = RANGES.includes(state.range) ? "" : state.range.slice(0, 10);
  return [
    select("range", own ? "" : state.range, [...(own ? [["", own]] : []), ...RANGES.map((name) => [name, t(name)])]),
    el("label", {}, el("span", {}, t("date")),
      el("input", { type: "date", id: "date", value: own, onchange: (event) => event.target.value && go({ range: event.target.value }) })),
  ];
}

function select(key, value, options, label = t(key)) {
  return el("label", {}, el("span", {}, label),
    el("select", { id: `select-${key}`, onchange: (event) => go({ [key]: event.target.value }) },
      options.map(([name, text]) => el("option", { value: name, selected: name === value }, text))));
}

export function liveLamp(connected, beat) {
  connected_ = connected;
  if (!lamp) return;
  lamp.dataset.on = connected;
  const text = t(connected ? "live_on" : "live_off");
  lamp.setAttribute("aria-label", text);
  lamp.title = text;
  if (beat) {
    lamp.classList.remove("beat");
    requestAnimationFrame(() => lamp.classList.add("beat"));
  }
}
