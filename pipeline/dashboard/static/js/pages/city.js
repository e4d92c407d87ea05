// The city: every camera with its flow now, today and a week ago, its state and its coverage.
import { ask } from "../api.js";
import { css, exports_, svgPicture } from "../charts.js";
import { card, el, svg } from "../dom.js";
import { amount, cameraName, clock, inUnit, moment, number, percent, rate, rateName, unitName, zoneName } from "../format.js";
import { t } from "../i18n.js";
import { href } from "../state.js";
import { schematic } from "../schematic.js";

const LOW_COVERAGE = 0.8;

export async function cityPage(state) {
  const city = await ask("/api/city");
  return (main) => {
    document.title = `${t("city")} · Simpang`;
    const zone = city.cameras[0]?.timezone || "Asia/Makassar";
    main.append(
      banner(city, zone),
      el("div", { class: "page-head" }, el("h1", {}, t("overview")), el("p", { class: "note" }, hourText(city, zone))),
      totals(city, state),
      el("div", { class: "top" }, mapCard(city, state), alerts(city)),
      tiles(city, state),
    );
  };
}

const hourText = (city, zone) =>
  t("flow_hour", { from: clock(city.hour.from_s, zone), to: clock(city.hour.to_s, zone), zone: zoneName(zone) });

export function banner(answer, zone) {
  if (answer.anchor.newest_s === null) return el("p", { class: "banner" }, t("empty_banner"));
  if (!answer.anchor.recorded) return "";
  return el("p", { class: "banner" }, t("recorded_banner", { time: `${moment(answer.anchor.newest_s, zone)} ${zoneName(zone)}` }));
}

function totals(city, state) {
  const live = city.cameras.filter((camera) => camera.state === "live" || camera.state === "recorded").length;
  const sums = city.cameras.map((camera) => amount(camera.today.counts, camera.emp, state)).filter((sum) => sum !== null);
  const rated = city.cameras.map((camera) => [rate(camera.now, camera.emp, state), camera]).filter(([flow]) => flow !== null);
  const busiest = rated.sort((a, b) => b[0] - a[0])[0];
  const flow = rated.length ? rated.reduce((sum, [value]) => sum + value, 0) : null;
  return el(
    "dl",
    { class: "figures" },
    figure(t("now"), flow === null ? "–" : inUnit(flow, state), rateName(state)),
    figure(t("total_today"), sums.length ? inUnit(sums.reduce((a, b) => a + b, 0), state) : "–", unitName(state)),
    figure(t("cameras_live"), `${live} / ${city.cameras.length}`, ""),
    figure(t("busiest"), busiest ? cameraName(busiest[1]) : "–", busiest ? `${inUnit(busiest[0], state)} ${rateName(state)}` : ""),
  );
}

export function figure(label, value, unit) {
  return el("div", { class: "figure" }, el("dt", {}, label), el("dd", {}, el("b", { class: value.length > 12 ? "long" : null }, value), unit ? ` ${unit}` : ""));
}

function mapCard(city, state) {
  const drawing = schematic(city, state);
  const title = `${t("city")} · ${rateName(state)}`;
  const table = () => [
    ["camera", "name", "district", "state", `now_${state.unit}_per_h`, `today_${state.unit}`, `week_ago_${state.unit}_per_h`, "observed_today_s"],
    ...city.cameras.map((camera) => [
      camera.id, camera.name, camera.district, camera.state, round(rate(camera.now, camera.emp, state)),
      round(amount(camera.today.counts, camera.emp, state)), round(rate(camera.week_ago, camera.emp, state)), round(camera.today.observed_s),
    ]),
  ];
  return card(t("now"), { class: "card map", note: null, tools: exports_("simpang-city", title, table, () => svgPicture(drawing, title)) }, drawing);
}

export const round = (value) => (value === null ? null : Math.round(value * 100) / 100);

function alerts(city) {
  const found = [];
  for (const camera of city.cameras) {
    const share = camera.elapsed_s > 3600 ? camera.today.observed_s / camera.elapsed_s : null;
    if (camera.state === "dark") found.push([camera, t("alert_dark", { time: moment(camera.seen_s, camera.timezone) })]);
    else if (camera.state === "none") found.push([camera, t("alert_none")]);
    else if (share !== null && share < LOW_COVERAGE) found.push([camera, t("alert_low", { share: percent(share) })]);
  }
  for (const incident of city.incidents) {
    const camera = city.cameras.find((known) => known.id === incident.camera);
    if (camera) found.push([camera, `${incident.kind}, ${moment(incident.started_s, camera.timezone)}`]);
  }
  return card(t("alerts"), { class: "card alerts" },
    found.length
      ? el("ul", {}, found.map(([camera, text]) => el("li", {}, el("a", { href: href({ page: "health", camera: camera.id }), "data-go": true }, cameraName(camera)), el("span", {}, text))))
      : el("p", { class: "note" }, t("no_alerts")));
}

const tiles = (city, state) => el("div", { class: "tiles" }, city.cameras.map((camera) => tile(camera, state)));

function tile(camera, state) {
  const now = rate(camera.now, camera.emp, state);
  const ago = rate(camera.week_ago, camera.emp, state);
  const share = camera.elapsed_s > 0 ? Math.min(1, camera.today.observed_s / camera.elapsed_s) : 0;
  const change = now !== null && ago ? (now - ago) / ago : null;
  return el(
    "article",
    { class: "card tile", "data-camera": camera.id },
    el("div", { class: "tile-head" },
      el("div", {},
        el("h2", {}, el("a", { href: href({ page: "junction", camera: camera.id }), "data-go": true }, cameraName(camera))),
        el("p", { class: "note" }, camera.district || t("other_district"))),
      el("span", { class: `state ${camera.state}` }, t(`state_${camera.state}`))),
    el("div", { class: "flow" },
      el("b", { class: now === null ? "unseen" : null }, now === null ? t("no_observation") : inUnit(now, state)),
      now === null ? null : el("span", {}, rateName(state)),
      change === null ? null : el("span", { class: "change" }, `${change >= 0 ? "▲" : "▼"} ${number(Math.abs(change) * 100)} %`)),
    spark(camera, state),
    el("dl", { class: "facts" },
      fact(t("today_total"), inUnit(amount(camera.today.counts, camera.emp, state), state)),
      fact(t("week_ago"), ago === null ? "–" : `${inUnit(ago, state)} ${rateName(state)}`),
      fact(t("coverage_today"), percent(share))),
    el("div", { class: "meter", role: "img", "aria-label": `${t("coverage_today")}: ${percent(share)}` }, el("i", { style: `width:${(share * 100).toFixed(1)}%` })),
  );
}

const fact = (label, value) => el("div", {}, el("dt", {}, label), el("dd", {}, value));

// The day so far by the hour; an hour that nobody observed is hatched over its whole height.
function spark(camera, state) {
  const values = Array.from({ length: 24 }, (_, hour) => camera.hours.find((known) => known.hour === hour));
  const rates = values.map((hour) => (hour ? rate(hour, camera.emp, state) : undefined));
  const most = Math.max(1, ...rates.filter((value) => value));
  const bars = rates.map((value, hour) => {
    if (value === undefined) return null;
    const height = value === null ? 36 : Math.max(0.8, (value / most) * 36);
    return svg("rect", { x: hour * 10 + 1, y: 38 - height, width: 8, height, rx: 1, class: value === null ? "hatched" : "bar" });
  });
  return svg("svg", { viewBox: "0 0 240 48", class: "spark", role: "img", "aria-label": `${t("today")}: ${rateName(state)}` },
    svg("defs", {}, svg("pattern", { id: `hatch-${camera.id}`, width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("rect", { width: 1.2, height: 4, fill: css("--soft") }))),
    bars.map((bar) => {
      if (bar?.getAttribute("class") === "hatched") bar.setAttribute("fill", `url(#hatch-${camera.id})`);
      return bar;
    }),
    svg("line", { x1: 0, x2: 240, y1: 38.5, y2: 38.5, class: "axis" }),
    [0, 6, 12, 18].map((hour) => {
      const text = svg("text", { x: hour * 10 + 1, y: 47 });
      text.textContent = String(hour).padStart(2, "0");
      return text;
    }));
}
