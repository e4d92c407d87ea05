// Numbers, times and units as people of the chosen language write them.
import { read } from "./state.js";
import { t } from "./i18n.js";

const tag = () => (read().lang === "en" ? "en-GB" : "id-ID");
const cache = new Map();

function dateFormat(zone, options) {
  const key = JSON.stringify([tag(), zone, options]);
  if (!cache.has(key)) cache.set(key, new Intl.DateTimeFormat(tag(), { timeZone: zone, hourCycle: "h23", ...options }));
  return cache.get(key);
}

export const number = (value, digits = 0) =>
  value === null || value === undefined || Number.isNaN(value)
    ? "–"
    : value.toLocaleString(tag(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const percent = (share, digits = 0) => (share === null ? "–" : `${number(share * 100, digits)} %`);
export const clock = (s, zone) => dateFormat(zone, { hour: "2-digit", minute: "2-digit" }).format(s * 1000).replace(".", ":");
export const day = (s, zone) => dateFormat(zone, { weekday: "short", day: "numeric", month: "short" }).format(s * 1000);
export const fullDay = (s, zone) => dateFormat(zone, { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(s * 1000);
export const moment = (s, zone) => `${day(s, zone)}, ${clock(s, zone)}`;
export const isoDay = (s, zone) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(s * 1000);
export const hourOf = (s, zone) => Number(new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", hourCycle: "h23" }).format(s * 1000));
export const zoneName = (zone) => ({ "Asia/Makassar": "WITA", "Asia/Jakarta": "WIB", "Asia/Jayapura": "WIT" })[zone] || zone;

// A sum of counts per class in the chosen class and unit; null where nothing was observed.
export function amount(counts, emp, state) {
  if (!counts) return null;
  let sum = 0;
  for (const [name, vehicles] of Object.entries(counts)) {
    if (state.class !== "all" && name !== state.class) continue;
    sum += state.unit === "smp" ? vehicles * (emp[name] || 0) : vehicles;
  }
  return sum;
}

export const unitName = (state) => (state.unit === "smp" ? t("smp") : t("vehicles"));
export const rateName = (state) => (state.unit === "smp" ? t("smp_per_hour") : t("vehicles_per_hour"));
export const inUnit = (value, state) => number(value, state.unit === "smp" && value < 100 ? 1 : 0);

// Vehicles or SMP an hour while the camera looked; null under five observed minutes, which say too little.
export function rate(sum, emp, state) {
  if (!sum || !sum.counts || sum.observed_s < 300) return null;
  return (amount(sum.counts, emp, state) * 3600) / sum.observed_s;
}

export const cameraName = (camera) => camera.name || camera.id;

// The days of a period, of which the last is included.
export function rangeText(period, zone) {
  const last = period.to_s - 1;
  return isoDay(period.from_s, zone) === isoDay(last, zone) ? fullDay(last, zone) : `${day(period.from_s, zone)} – ${day(last, zone)}`;
}
