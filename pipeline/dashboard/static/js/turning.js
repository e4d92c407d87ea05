// The turning-movement diagram: arms at the edges, an arrow from each arm to each other as wide as its flow.
import { svg } from "./dom.js";
import { amount, inUnit } from "./format.js";
import { t } from "./i18n.js";

const SIZE = 520;
const CENTRE = SIZE / 2;
const EDGE = 196;
const WIDEST = 26;
const ANGLES = { U: -90, T: 0, S: 90, B: 180 };
const COLORS = ["--arm-1", "--arm-2", "--arm-3", "--arm-4", "--arm-5", "--arm-6"];

// Turns between arms: [{from, to, value}], arms being approaches where the lines have them, else the lines' names.
export function flows(answer, lines, emp, state) {
  const armOf = new Map(lines.map((line) => [line.line, line.approach || line.line]));
  const sums = new Map();
  for (const row of answer) {
    const key = JSON.stringify([armOf.get(row.from_line) || row.from_line, armOf.get(row.to_line) || row.to_line]);
    const value = amount(row.counts, emp, state);
    if (!sums.has(key)) sums.set(key, null);
    if (value !== null) sums.set(key, (sums.get(key) || 0) + value);
  }
  return [...sums].map(([key, value]) => ({ from: JSON.parse(key)[0], to: JSON.parse(key)[1], value }));
}

export function armsOf(turns) {
  const names = [...new Set(turns.flatMap((turn) => [turn.from, turn.to]))];
  const order = ["U", "T", "S", "B"];
  return names.sort((a, b) => (order.indexOf(a) + 99) % 99 - (order.indexOf(b) + 99) % 99 || a.localeCompare(b));
}

export function turningDiagram(turns, state, label) {
  const arms = armsOf(turns);
  const compass = arms.every((arm) => arm in ANGLES);
  const angle = (arm) => ((compass ? ANGLES[arm] : -90 + (360 / arms.length) * arms.indexOf(arm)) * Math.PI) / 180;
  const most = Math.max(1, ...turns.map((turn) => turn.value || 0));
  const drawing = svg("svg", { class: "turning", viewBox: "-88 -36 696 592", role: "img", "aria-label": label });
  for (const arm of arms) drawing.append(road(angle(arm)));
  drawing.append(svg("circle", { class: "asphalt", cx: CENTRE, cy: CENTRE, r: 92 }));
  const drawn = [...turns].filter((turn) => turn.value).sort((a, b) => b.value - a.value);
  for (const turn of drawn) drawing.append(arrow(turn, arms, angle, most, state));
  for (const arm of arms) drawing.append(sign(arm, angle(arm), turns, state, compass));
  return drawing;
}

function road(angle) {
  const [x, y] = [CENTRE + Math.cos(angle) * 250, CENTRE + Math.sin(angle) * 250];
  return svg("path", { class: "road", d: `M${CENTRE} ${CENTRE}L${x} ${y}` });
}

// Where an arrow meets its arm. Traffic keeps left: who comes in is on the left of the arm as seen when driving in.
function lane(arm, other, arms, angle, incoming) {
  const at = angle(arm);
  const others = arms.filter((name) => name !== arm);
  const turn = (name) => (angle(name) - at + 4 * Math.PI) % (2 * Math.PI);
  others.sort((a, b) => turn(a) - turn(b));
  const place = others.indexOf(other) - (others.length - 1) / 2;
  const spread = Math.min(17, 50 / Math.max(1, others.length));
  const aside = incoming ? 33 - place * spread : -33 - place * spread;
  const [outX, outY] = [Math.cos(at), Math.sin(at)];
  const [sideX, sideY] = [-Math.sin(at), Math.cos(at)];
  return [CENTRE + outX * EDGE + sideX * aside, CENTRE + outY * EDGE + sideY * aside];
}

function arrow(turn, arms, angle, most, state) {
  const width = Math.max(1.5, (turn.value / most) * WIDEST);
  const index = arms.indexOf(turn.from);
  const [x1, y1] = lane(turn.from, turn.to, arms, angle, true);
  const [x2, y2] = lane(turn.to, turn.from, arms, angle, false);
  const [a, b] = [angle(turn.from), angle(turn.to)];
  const reach = turn.from === turn.to ? 30 : 84;
  const [c1x, c1y] = [x1 - Math.cos(a) * reach, y1 - Math.sin(a) * reach];
  const [c2x, c2y] = [x2 - Math.cos(b) * reach, y2 - Math.sin(b) * reach];
  const head = Math.max(6, width * 0.75);
  const [tipX, tipY] = [x2 + Math.cos(b) * head * 1.3, y2 + Math.sin(b) * head * 1.3];
  const [sideX, sideY] = [-Math.sin(b) * head, Math.cos(b) * head];
  const color = `var(${COLORS[index % COLORS.length]})`;
  const title = svg("title");
  title.textContent = `${turn.from} → ${turn.to}: ${inUnit(turn.value, state)}`;
  return svg("g", { class: "arrow" }, title,
    svg("path", { d: `M${x1} ${y1}C${c1x} ${c1y} ${c2x} ${c2y} ${x2} ${y2}`, style: `fill:none;stroke:${color};stroke-width:${width}` }),
    svg("path", { d: `M${x2 + sideX} ${y2 + sideY}L${tipX} ${tipY}L${x2 - sideX} ${y2 - sideY}Z`, style: `fill:${color};stroke:none` }));
}

function sign(arm, at, turns, state, compass) {
  const index = armsOf(turns).indexOf(arm);
  const sum = (list) => (list.some((turn) => turn.value !== null) ? list.reduce((total, turn) => total + (turn.value || 0), 0) : null);
  const entering = sum(turns.filter((turn) => turn.from === arm));
  const leaving = sum(turns.filter((turn) => turn.to === arm));
  const [x, y] = [CENTRE + Math.cos(at) * 284, CENTRE + Math.sin(at) * 272];
  const label = svg("text", { x, y: y - 2, class: "arm", style: `fill:var(${COLORS[index % COLORS.length]})` });
  label.textContent = compass ? t(`arm_${arm}`).replace(/^(.) \((.*)\)$/, "$1") : arm;
  const flow = svg("text", { x, y: y + 15, class: "arm-flow" });
  flow.textContent = `↓${inUnit(entering, state)} ↑${inUnit(leaving, state)}`;
  return svg("g", {}, label, flow);
}
