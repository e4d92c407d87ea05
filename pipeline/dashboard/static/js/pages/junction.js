// The junction: turning movements, profile, peak hours, class shares, comparison of days, lines.
import { askCamera } from "../api.js";
import { axis, base, chartPicture, chartsReady, classColor, css, draw, exports_, hatch, svgPicture } from "../charts.js";
import { card, el } from "../dom.js";
import { amount, cameraName, clock, day, hourOf, inUnit, isoDay, number, percent, rangeText, unitName, zoneName } from "../format.js";
import { t } from "../i18n.js";
import { CLASSES } from "../state.js";
import { armsOf, flows, turningDiagram } from "../turning.js";
import { banner, figure, round } from "./city.js";

const PICTURE_MS = 1000;
let picture = null;

export async function junctionPage(state, catalogue) {
  const [answer] = await Promise.all([askCamera("junction", state), chartsReady()]);
  return (main) => {
    const { camera, period } = answer;
    const zone = camera.timezone;
    document.title = `${cameraName(camera)} · Simpang`;
    const where = { state, camera, period, zone, at_s: answer.anchor.at_s, range: rangeText(period, zone) };
    main.append(
      banner(answer, zone),
      el("div", { class: "page-head" }, el("h1", {}, cameraName(camera)), el("p", { class: "note" }, [camera.district, where.range, zoneName(zone)].filter(Boolean).join(" · "))),
      figures(answer, answer.peaks, where),
      el("div", { class: "columns" }, turningCard(answer.turns, answer.lines, where), el("div", { class: "stack" }, sharesCard(answer, where), peakCard(answer.peaks, where), catalogue.pictures.includes(camera.id) ? pictureCard(where) : null)),
    );
    profileCard(main, answer.bins, where);
    daysCard(main, answer.days, where);
    main.append(linesCard(answer.totals, where));
  };
}

const total = (bins, where) => {
  const known = bins.map((bin) => amount(bin.counts, where.camera.emp, where.state)).filter((value) => value !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) : null;
};

function figures(answer, peaks, where) {
  const past_s = Math.max(1, Math.min(where.period.to_s, where.at_s) - where.period.from_s);
  const observed = answer.bins.reduce((sum, bin) => sum + bin.observed_s, 0);
  const best = peaks.reduce((top, peak) => (top && top.vehicles >= peak.vehicles ? top : peak), null);
  const sum = total(answer.bins, where);
  return el("dl", { class: "figures" },
    figure(t("sum"), sum === null ? t("no_observation") : inUnit(sum, where.state), sum === null ? "" : unitName(where.state)),
    figure(t("coverage"), percent(Math.min(1, observed / past_s)), ""),
    figure(t("peak_hour"), best ? `${clock(best.hour_s, where.zone)}–${clock(best.hour_s + 3600, where.zone)}` : "–", best ? `${number(best.vehicles)} ${t("vehicles_per_hour")}` : ""),
    figure(t("phf"), best ? number(best.phf, 2) : "–", ""));
}

function turningCard(answer, lines, where) {
  const { state, camera } = where;
  const turns = flows(answer, lines, camera.emp, state);
  const title = t("turning");
  if (!turns.some((turn) => turn.value)) return card(title, { class: "card" }, el("p", { class: "note empty" }, t("no_turns")));
  const drawing = turningDiagram(turns, state, `${title}, ${cameraName(camera)}`);
  const arms = armsOf(turns);
  const valueOf = (from, to) => turns.find((turn) => turn.from === from && turn.to === to)?.value ?? null;
  const table = () => [["from", "to", state.unit], ...turns.map((turn) => [turn.from, turn.to, round(turn.value)])];
  const matrix = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, `${t("from")} \\ ${t("to")}`), arms.map((arm) => el("th", { scope: "col" }, arm)), el("th", { scope: "col" }, t("sum")))),
    el("tbody", {}, arms.map((from) => el("tr", {}, el("th", { scope: "row" }, from), arms.map((to) => el("td", {}, from === to && valueOf(from, to) === null ? "" : inUnit(valueOf(from, to), state))),
      el("td", { class: "strong" }, inUnit(arms.reduce((sum, to) => sum + (valueOf(from, to) || 0), 0), state)))))));
  return card(title, { class: "card", note: t("turning_note", { unit: unitName(state), range: where.range }), tools: exports_(`simpang-${camera.id}-turns`, title, table, () => svgPicture(drawing, `${cameraName(camera)}: ${title}`)) }, drawing, matrix);
}

// What the counter sees, a new picture each second for as long as it is on the page; it stays when the page is drawn again.
function pictureCard(where) {
  const key = JSON.stringify([where.camera.id, where.state.lang]);
  if (picture?.key !== key) picture = { key, ...movingPicture(where.camera) };
  requestAnimationFrame(picture.start);
  return picture.card;
}

function movingPicture(camera) {
  const title = t("live_picture");
  const image = el("img", { class: "live-picture", alt: `${title}, ${cameraName(camera)}` });
  const gone = el("p", { class: "note empty", hidden: true }, t("picture_gone"));
  let running = false;
  const next = () => {
    running = image.isConnected;
    if (!running) return;
    if (document.hidden) setTimeout(next, PICTURE_MS);
    else image.src = `/api/picture/${encodeURIComponent(camera.id)}?at=${Date.now()}`;
  };
  const shown = (there) => {
    image.hidden = !there;
    gone.hidden = there;
    setTimeout(next, PICTURE_MS);
  };
  image.onload = () => shown(true);
  image.onerror = () => shown(false);
  return { card: card(title, { note: t("live_picture_note") }, image, gone), start: () => running || next() };
}

function sharesCard(answer, where) {
  const sums = Object.fromEntries(CLASSES.map((name) => [name, answer.bins.reduce((sum, bin) => sum + (bin.counts?.[name] || 0), 0)]));
  const all = Object.values(sums).reduce((a, b) => a + b, 0);
  const title = t("shares");
  if (!all) return card(title, {}, el("p", { class: "note empty" }, t("no_data")));
  const table = () => [["class", "vehicles", "share"], ...CLASSES.map((name) => [name, sums[name], round(sums[name] / all)])];
  const rows = el("table", { class: "shares" }, el("tbody", {}, CLASSES.map((name) => el("tr", {},
    el("th", { scope: "row" }, el("i", { class: "dot", style: `background:var(--class-${name})` }), t(name)),
    el("td", { class: "bar-cell" }, el("i", { style: `width:${((100 * sums[name]) / all).toFixed(2)}%;background:var(--class-${name})` })),
    el("td", {}, number(sums[name])), el("td", { class: "strong" }, percent(sums[name] / all, 1))))));
  return card(title, { note: t("shares_note"), tools: exports_(`simpang-${where.camera.id}-shares`, title, table, () => barsPicture(sums, all, title)).slice(0, 2) }, rows);
}

// The shares as a picture: the table itself is text, which a browser cannot draw into an image.
async function barsPicture(sums, all, title) {
  const host = el("div", { style: "width:640px;height:260px;position:absolute;left:-9999px" });
  document.body.append(host);
  const names = [...CLASSES].reverse();
  draw(host, { ...base(), legend: { show: false }, grid: { left: 8, right: 60, top: 8, bottom: 4, containLabel: true }, xAxis: axis({ type: "value" }), yAxis: axis({ type: "category", data: names.map((name) => t(name)) }),
    series: [{ type: "bar", label: { show: true, position: "right", color: css("--ink"), formatter: (point) => percent(point.value / all, 1) }, data: names.map((name) => ({ value: sums[name], itemStyle: { color: classColor(name) } })) }] }, title);
  const blob = await chartPicture(host, title);
  echarts.getInstanceByDom(host).dispose();
  host.remove();
  return blob;
}

function peakCard(peaks, where) {
  const title = t("peak");
  const table = () => [["day", "hour_start", "vehicles", "smp", "phf"], ...peaks.map((peak) => [peak.day, clock(peak.hour_s, where.zone), peak.vehicles, round(peak.smp), round(peak.phf)])];
  if (!peaks.length) return card(title, { note: t("peak_note") }, el("p", { class: "note empty" }, t("no_peak")));
  return card(title, { note: t("peak_note"), tools: exports_(`simpang-${where.camera.id}-peaks`, title, table, () => null).slice(0, 1) },
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, el("table", {},
      el("thead", {}, el("tr", {}, [t("day"), t("hour"), t("volume"), t("volume_smp"), t("phf")].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, peaks.map((peak) => el("tr", {}, el("th", { scope: "row" }, day(peak.hour_s, where.zone)), el("td", {}, `${clock(peak.hour_s, where.zone)}–${clock(peak.hour_s + 3600, where.zone)}`),
        el("td", {}, number(peak.vehicles)), el("td", {}, number(peak.smp)), el("td", { class: "strong" }, number(peak.phf, 2))))))));
}

function profileCard(main, bins, where) {
  const { state, camera, period, zone } = where;
  const title = t("profile");
  const host = el("div", { class: "chart" });
  const known = new Map(bins.map((bin) => [bin.start_s, bin]));
  const starts = [];
  for (let s = period.from_s; s < period.to_s; s += period.bin_s) starts.push(s);
  const names = (state.class === "all" ? CLASSES : [state.class]).filter((name) => state.unit === "veh" || camera.emp[name]);
  const table = () => [["bin_start_utc", "status", "observed_s", ...names.map((name) => `${name}_${state.unit}`)],
    ...starts.filter((s) => s < where.at_s).map((s) => {
      const bin = known.get(s);
      return [new Date(s * 1000).toISOString(), bin?.status || "missed", bin?.observed_s || 0, ...names.map((name) => (bin?.counts ? round(amount({ [name]: bin.counts[name] || 0 }, camera.emp, { ...state, class: "all" })) : null))];
    })];
  main.append(card(title, { note: t(`profile_${period.bin_s}`, { unit: unitName(state) }), tools: exports_(`simpang-${camera.id}-profile`, title, table, () => chartPicture(host, `${cameraName(camera)}: ${title} (${unitName(state)})`)) }, host));
  const value = (s, name) => {
    const counts = known.get(s)?.counts;
    return counts ? round((counts[name] || 0) * (state.unit === "smp" ? camera.emp[name] || 0 : 1)) : null;
  };
  const sums = starts.map((s) => names.reduce((sum, name) => sum + (value(s, name) || 0), 0));
  const top = Math.max(1, ...sums);
  const unseen = (s) => s < where.at_s && !known.get(s)?.counts;
  const partly = (s) => known.get(s)?.counts && known.get(s).status !== "complete" && s + period.bin_s <= where.at_s;
  const label = (s) => (period.bin_s === 900 ? clock(s, zone) : period.bin_s === 3600 ? `${day(s, zone)} ${clock(s, zone)}` : day(s, zone));
  draw(host, {
    ...base(),
    legend: { ...base().legend, data: [...names.map((name) => t(name)), t("not_observed"), t("partly")] },
    tooltip: { ...base().tooltip, formatter: (points) => tip(points, starts, known, where) },
    xAxis: axis({ type: "category", data: starts.map(label), splitLine: { show: false } }),
    yAxis: axis({ type: "value", max: niceTop(top) }),
    series: [
      ...names.map((name) => ({ name: t(name), type: "bar", stack: "flow", barCategoryGap: "12%", itemStyle: { color: classColor(name) }, data: starts.map((s) => value(s, name)) })),
      { name: t("not_observed"), type: "bar", stack: "flow", itemStyle: { color: hatch(css("--hatch"), css("--hatch-ground")) }, data: starts.map((s) => (unseen(s) ? niceTop(top) : null)) },
      { name: t("partly"), type: "bar", stack: "flow", itemStyle: { color: hatch(css("--partly"), css("--hatch-ground")) }, data: starts.map((s) => (partly(s) ? Math.max(top * 0.03, 0.5) : null)) },
    ],
  }, `${title}, ${cameraName(camera)}`);
}

function niceTop(value) {
  const step = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((factor) => factor * step).find((top) => top >= value * 1.03) || value * 1.1;
}

// Text only: names come from our own words, numbers from the store.
function tip(points, starts, known, where) {
  const s = starts[points[0].dataIndex];
  const bin = known.get(s);
  const box = el("div", {}, el("b", {}, `${day(s, where.zone)} ${clock(s, where.zone)}–${clock(s + where.period.bin_s, where.zone)}`));
  if (s >= where.at_s) return box;
  if (!bin?.counts) return box.append(el("div", {}, t("not_observed"))), box;
  box.append(el("div", {}, `${t("sum")}: ${inUnit(amount(bin.counts, where.camera.emp, where.state), where.state)} ${unitName(where.state)}`));
  for (const name of CLASSES) if (bin.counts[name]) box.append(el("div", {}, `${t(name)}: ${number(bin.counts[name])} ${t("vehicles")}`));
  box.append(el("div", { class: "note" }, `${t("coverage")} ${percent(Math.min(1, bin.observed_s / where.period.bin_s))}`));
  return box;
}

function daysCard(main, answer, where) {
  const { state, camera, zone } = where;
  const title = t("compare");
  const host = el("div", { class: "chart" });
  const byDay = new Map();
  for (const bin of answer.bins) {
    const key = isoDay(bin.start_s, zone);
    if (!byDay.has(key)) byDay.set(key, { at_s: bin.start_s, hours: Array(24).fill(null) });
    byDay.get(key).hours[hourOf(bin.start_s, zone)] = bin.observed_s >= 3600 * 0.5 ? round((amount(bin.counts, camera.emp, state) * 3600) / bin.observed_s) : null;
  }
  const days = [...byDay.entries()].sort();
  const table = () => [["day", ...Array.from({ length: 24 }, (_, hour) => `${String(hour).padStart(2, "0")}:00`)], ...days.map(([name, known]) => [name, ...known.hours])];
  main.append(card(title, { note: t("compare_note", { unit: `${unitName(state)}/${t("hour").toLowerCase()}` }), tools: exports_(`simpang-${camera.id}-days`, title, table, () => chartPicture(host, `${cameraName(camera)}: ${title}`)) }, host));
  const last = days.length - 1;
  const weekBefore = isoDay(answer.period.to_s - 1 - 7 * 86400, zone);
  draw(host, {
    ...base(),
    xAxis: axis({ type: "category", boundaryGap: false, data: Array.from({ length: 24 }, (_, hour) => `${String(hour).padStart(2, "0")}:00`), splitLine: { show: false } }),
    yAxis: axis({ type: "value" }),
    series: days.map(([name, known], index) => ({
      name: day(known.at_s, zone), type: "line", symbol: index === last ? "circle" : "none", symbolSize: 5, connectNulls: false, data: known.hours,
      lineStyle: { width: index === last ? 3.5 : name === weekBefore ? 2.5 : 1.3, type: name === weekBefore ? "dashed" : "solid" },
      color: index === last ? css("--accent") : name === weekBefore ? css("--arm-2") : css("--faint-line"), z: index === last ? 5 : 2,
    })),
  }, `${title}, ${cameraName(camera)}`);
}

function linesCard(totals, where) {
  const { state, camera } = where;
  const title = t("by_line");
  const table = () => [["line", "direction", ...CLASSES], ...totals.map((row) => [row.line, row.direction, ...CLASSES.map((name) => (row.counts ? row.counts[name] || 0 : null))])];
  return card(title, { note: unitName(state), tools: exports_(`simpang-${camera.id}-lines`, title, table, () => null).slice(0, 1) },
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, el("table", {},
      el("thead", {}, el("tr", {}, [t("line"), t("direction"), ...CLASSES.map((name) => t(name)), t("sum")].map((name, index) => el("th", { scope: "col", class: index === 1 ? "text" : null }, name)))),
      el("tbody", {}, totals.map((row) => el("tr", {}, el("th", { scope: "row" }, row.line), el("td", { class: "text" }, t(row.direction)),
        CLASSES.map((name) => el("td", {}, inUnit(row.counts ? amount({ [name]: row.counts[name] || 0 }, camera.emp, { ...state, class: "all" }) : null, state))),
        el("td", { class: "strong" }, inUnit(amount(row.counts, camera.emp, state), state))))))));
}
