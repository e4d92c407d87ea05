// Camera health: how much of each hour was observed, what was dropped, and why minutes are not whole.
import { askCamera } from "../api.js";
import { axis, base, chartPicture, chartsReady, css, draw, exports_, svgPicture } from "../charts.js";
import { card, el, svg } from "../dom.js";
import { cameraName, clock, day, hourOf, isoDay, number, percent, rangeText, zoneName } from "../format.js";
import { t } from "../i18n.js";
import { banner, figure, round } from "./city.js";

const CELL = { width: 26, height: 20, left: 86, top: 22 };

export async function healthPage(state) {
  const [answer] = await Promise.all([askCamera("health", state), chartsReady()]);
  return (main) => {
    const { camera, period, hours } = answer;
    const zone = camera.timezone;
    document.title = `${cameraName(camera)} · ${t("health")} · Simpang`;
    main.append(
      banner(answer, zone),
      el("div", { class: "page-head" }, el("h1", {}, cameraName(camera)),
        el("p", { class: "note" }, `${t("health")} · ${rangeText(period, zone)} · ${zoneName(zone)}`),
        el("span", { class: `state ${camera.state}` }, t(`state_${camera.state}`))),
      figures(answer),
      calendarCard(answer, zone),
    );
    framesCard(main, answer, zone);
    main.append(reasonsCard(hours));
  };
}

function figures({ hours, period, anchor }) {
  const sum = (key) => hours.reduce((total, hour) => total + hour[key], 0);
  const past_s = Math.max(1, Math.min(period.to_s, anchor.at_s) - period.from_s);
  const observed = sum("observed_s");
  const seen = sum("frames_seen");
  return el("dl", { class: "figures" },
    figure(t("uptime"), percent(Math.min(1, observed / past_s), 1), ""),
    figure(t("fps"), observed ? number(seen / observed, 1) : "–", ""),
    figure(t("dropped"), seen ? percent(sum("frames_dropped") / seen, 2) : "–", number(sum("frames_dropped"))),
    figure(t("frames_seen"), number(seen), ""));
}

function calendarCard({ camera, period, hours, anchor }, zone) {
  const title = t("calendar");
  const known = new Map(hours.map((hour) => [hour.hour_s, hour]));
  const days = [];
  for (let s = period.from_s; s < Math.min(period.to_s, anchor.at_s); s += 86400) days.push(s);
  const width = CELL.left + 24 * CELL.width + 2;
  const height = CELL.top + days.length * CELL.height + 2;
  const drawing = svg("svg", { class: "calendar", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  drawing.append(svg("defs", {}, svg("pattern", { id: "unseen", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { width: 5, height: 5, style: "fill:var(--hatch-ground)" }), svg("rect", { width: 1.4, height: 5, style: "fill:var(--hatch)" }))));
  for (let hour = 0; hour < 24; hour += 3) drawing.append(text(`${String(hour).padStart(2, "0")}:00`, { x: CELL.left + hour * CELL.width, y: 13, class: "tick" }));
  days.forEach((from_s, row) => {
    drawing.append(text(day(from_s, zone), { x: 0, y: CELL.top + row * CELL.height + 14, class: "tick" }));
    for (let s = from_s; s < from_s + 86400 && s < anchor.at_s; s += 3600) {
      const part = Math.min(3600, anchor.at_s - s);
      const share = Math.min(1, (known.get(s)?.observed_s || 0) / part);
      const cell = svg("rect", { x: CELL.left + hourOf(s, zone) * CELL.width, y: CELL.top + row * CELL.height, width: CELL.width - 2, height: CELL.height - 2, rx: 2,
        style: share === 0 ? "fill:url(#unseen)" : `fill:var(--good);fill-opacity:${(0.15 + 0.85 * share ** 2).toFixed(2)}` });
      const tip = svg("title");
      tip.textContent = `${day(s, zone)} ${clock(s, zone)}: ${percent(share)}`;
      cell.append(tip);
      drawing.append(cell);
    }
  });
  const table = () => [["hour_start_utc", "observed_s", "frames_seen", "frames_processed", "frames_dropped", "reasons"],
    ...hours.map((hour) => [new Date(hour.hour_s * 1000).toISOString(), round(hour.observed_s), hour.frames_seen, hour.frames_processed, hour.frames_dropped, hour.reasons.join(" ")])];
  return card(title, { note: t("calendar_note"), tools: exports_(`simpang-${camera.id}-coverage`, title, table, () => svgPicture(drawing, `${cameraName(camera)}: ${title}`)) },
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, drawing), scale());
}

const scale = () => el("p", { class: "scale" }, [0, 0.25, 0.5, 0.75, 1].map((share) => el("span", {},
  share ? el("i", { style: `background:var(--good);opacity:${0.15 + 0.85 * share ** 2}` }) : el("i", { class: "hatch-key" }), `${share * 100} %`)));

function framesCard(main, { camera, hours }, zone) {
  const title = t("frames");
  const host = el("div", { class: "chart low" });
  const table = () => [["hour_start_utc", "dropped_share"], ...hours.map((hour) => [new Date(hour.hour_s * 1000).toISOString(), hour.frames_seen ? round(hour.frames_dropped / hour.frames_seen) : null])];
  main.append(card(title, { note: t("frames_note"), tools: exports_(`simpang-${camera.id}-drops`, title, table, () => chartPicture(host, `${cameraName(camera)}: ${title}`)) }, host));
  draw(host, {
    ...base(), legend: { show: false }, grid: { ...base().grid, top: 14 },
    tooltip: { ...base().tooltip, valueFormatter: (value) => (value === null || value === undefined ? t("not_observed") : `${number(value, 2)} %`) },
    xAxis: axis({ type: "category", data: hours.map((hour) => `${day(hour.hour_s, zone)} ${clock(hour.hour_s, zone)}`), splitLine: { show: false } }),
    yAxis: axis({ type: "value", min: 0, max: (range) => Math.max(1, Math.ceil(range.max * 1.1)), axisLabel: { ...axis().axisLabel, formatter: (value) => `${number(value, Number.isInteger(value) ? 0 : 1)} %` } }),
    series: [{ name: title, type: "bar", itemStyle: { color: css("--warn") }, data: hours.map((hour) => (hour.frames_seen ? (100 * hour.frames_dropped) / hour.frames_seen : null)) }],
  }, `${title}, ${cameraName(camera)}`);
}

function reasonsCard(hours) {
  const found = new Map();
  for (const hour of hours) for (const reason of hour.reasons) found.set(reason, (found.get(reason) || 0) + 1);
  return card(t("reasons"), { note: t("reasons_note") },
    found.size
      ? el("table", { class: "narrow" }, el("tbody", {}, [...found].sort((a, b) => b[1] - a[1]).map(([reason, n]) => el("tr", {}, el("th", { scope: "row" }, t(`reason_${reason}`)), el("td", {}, t("hours_n", { n: number(n) }))))))
      : el("p", { class: "note" }, t("no_reasons")));
}

function text(content, attributes) {
  const element = svg("text", attributes);
  element.textContent = content;
  return element;
}
