// A schematic map: districts as fields, cameras as junctions whose size is their flow and whose ring is their state.
// The site file holds no positions, so that the order says nothing about where a camera stands.
import { svg } from "./dom.js";
import { cameraName, inUnit, rate, rateName } from "./format.js";
import { t } from "./i18n.js";
import { href } from "./state.js";

const CELL = { width: 224, height: 134 };
const HEAD = 30;
const GAP = 16;
const COLUMNS = 4;

export function schematic(city, state) {
  const fields = group(city.cameras);
  const most = Math.max(1, ...city.cameras.map((camera) => rate(camera.now, camera.emp, state) || 0));
  const parts = [];
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  let width = 0;
  for (const [name, cameras] of fields) {
    const columns = Math.min(COLUMNS, cameras.length);
    const size = { width: columns * CELL.width, height: HEAD + Math.ceil(cameras.length / columns) * CELL.height };
    if (x > 0 && x + size.width > COLUMNS * CELL.width + GAP) {
      x = 0;
      y += rowHeight + GAP;
      rowHeight = 0;
    }
    parts.push(field(name, cameras, columns, size, { x, y }, most, state));
    x += size.width + GAP;
    width = Math.max(width, x - GAP);
    rowHeight = Math.max(rowHeight, size.height);
  }
  const drawing = svg("svg", { class: "schematic", role: "group", "aria-label": t("city"), viewBox: `0 0 ${width || 1} ${y + rowHeight || 1}` }, parts);
  drawing.style.maxWidth = `${Math.max(width, 420) * 1.5}px`;
  return drawing;
}

function group(cameras) {
  const fields = new Map();
  for (const camera of cameras) {
    const name = camera.district || t("other_district");
    fields.set(name, [...(fields.get(name) || []), camera]);
  }
  return fields;
}

function field(name, cameras, columns, size, at, most, state) {
  return svg("g", { transform: `translate(${at.x} ${at.y})` },
    svg("rect", { class: "field", width: size.width, height: size.height, rx: 10 }),
    text(name, { x: 14, y: 21, class: "field-name" }),
    cameras.map((camera, index) =>
      junction(camera, { x: (index % columns) * CELL.width, y: HEAD + Math.floor(index / columns) * CELL.height }, most, state)));
}

function junction(camera, at, most, state) {
  const flow = rate(camera.now, camera.emp, state);
  const radius = flow === null ? 22 : 22 + 20 * Math.sqrt(flow / most);
  const link = svg("a", { href: href({ page: "junction", camera: camera.id }), "data-go": true },
    svg("path", { class: "roads", d: "M112 -2V92M14 44H210" }),
    svg("circle", { class: `node ${camera.state}`, cx: 112, cy: 44, r: radius }),
    text(flow === null ? "–" : inUnit(flow, state), { x: 112, y: 50, class: "node-flow" }),
    text(short(cameraName(camera)), { x: 112, y: 106, class: "node-name" }),
    text(`${rateName(state)} · ${t(`state_${camera.state}`)}`, { x: 112, y: 121, class: "node-state" }));
  return svg("g", { transform: `translate(${at.x} ${at.y})` }, link);
}

const short = (name) => (name.length > 30 ? `${name.slice(0, 29)}…` : name);

function text(content, attributes) {
  const element = svg("text", attributes);
  element.textContent = content;
  return element;
}
