// The still with lines on it, in native pixels of the picture: drag an end, a line, or from nowhere to draw a new one.
import { el, svg } from "./dom.js";
import { t } from "./i18n.js";

const MIN_DRAG_PX = 12;
const STEP_PX = 1;
const BIG_STEP_PX = 10;

export function canvasOf(picture, editor) {
  const [width, height] = [picture.naturalWidth, picture.naturalHeight];
  const unit = width / 900;
  const layer = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "drawing", id: "drawing", role: "application", "aria-label": t("lines") });
  picture.alt = "";
  const node = el("div", { class: "picture" }, picture, layer);
  node.style.aspectRatio = `${width} / ${height}`;
  let drag = null;
  let paths = "";

  const at = (event) => {
    const box = layer.getBoundingClientRect();
    const clip = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
    return [clip(((event.clientX - box.left) / box.width) * width, width - 1), clip(((event.clientY - box.top) / box.height) * height, height - 1)];
  };

  function draw() {
    const focused = document.activeElement?.dataset?.end;
    layer.replaceChildren(paths, ...editor.lines().map(lineOf), drag?.fresh ? svg("line", { class: "fresh", "stroke-width": 3 * unit, ...ends(drag.fresh) }) : "");
    if (focused) layer.querySelector(`[data-end="${focused}"]`)?.focus();
  }

  const ends = ([[x1, y1], [x2, y2]]) => ({ x1, y1, x2, y2 });

  function lineOf(line, index) {
    const [[x1, y1], [x2, y2]] = line.points;
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    // Forward is to the right of someone walking from the first point to the second (y down).
    const [fx, fy] = [-(y2 - y1) / length, (x2 - x1) / length];
    const reach = 30 * unit;
    const tip = [mx + fx * reach, my + fy * reach];
    const wing = 8 * unit;
    const label = svg("text", { x: x1 + 8 * unit, y: y1 - 9 * unit, "font-size": 15 * unit, "stroke-width": 4 * unit });
    label.textContent = line.approach ? `${line.name} (${line.approach})` : line.name;
    return svg("g", { class: `line ${line.role}${index === editor.chosen() ? " chosen" : ""}${editor.bad(index) ? " bad" : ""}` },
      svg("line", { ...ends(line.points), class: "grip", "stroke-width": 18 * unit, "data-line": index }),
      svg("line", { ...ends(line.points), class: "casing", "stroke-width": 6 * unit }),
      svg("line", { ...ends(line.points), class: "stroke", "stroke-width": 3.4 * unit }),
      svg("path", { class: "forward", "stroke-width": 2.6 * unit, d: `M${mx} ${my}L${tip[0]} ${tip[1]}M${tip[0] - fx * wing - fy * wing} ${tip[1] - fy * wing + fx * wing}L${tip[0]} ${tip[1]}L${tip[0] - fx * wing + fy * wing} ${tip[1] - fy * wing - fx * wing}` }),
      label,
      [0, 1].map((end) => svg("circle", { cx: line.points[end][0], cy: line.points[end][1], r: 8 * unit, "stroke-width": 2.4 * unit, "data-end": `${index}.${end}`, tabindex: 0, role: "button", "aria-label": `${line.name} ${end + 1}` })));
  }

  layer.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    layer.setPointerCapture(event.pointerId);
    const from = at(event);
    const { end, line } = event.target.dataset;
    if (end) {
      const [index, which] = end.split(".").map(Number);
      drag = { index, which, from, kept: false };
    } else if (line) drag = { index: Number(line), from, points: structuredClone(editor.lines()[line].points), kept: false };
    else drag = { fresh: [from, from], from };
    if (drag.index !== undefined) editor.choose(drag.index);
  });

  layer.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const to = at(event);
    if (drag.fresh) {
      drag.fresh = [drag.from, to];
      return draw();
    }
    if (!drag.kept) {
      editor.begin();
      drag.kept = true;
    }
    const line = editor.lines()[drag.index];
    if (drag.which !== undefined) line.points[drag.which] = to;
    else line.points = shifted(drag.points, to[0] - drag.from[0], to[1] - drag.from[1], width, height);
    editor.moved();
  });

  layer.addEventListener("pointerup", () => {
    const done = drag;
    drag = null;
    if (!done) return;
    if (done.fresh) {
      const [[x1, y1], [x2, y2]] = done.fresh;
      if (Math.hypot(x2 - x1, y2 - y1) >= MIN_DRAG_PX * unit) editor.add(done.fresh);
      else draw();
    } else if (done.kept) editor.dropped();
  });

  layer.addEventListener("pointercancel", () => {
    drag = null;
    draw();
  });

  layer.addEventListener("keydown", (event) => {
    const end = event.target.dataset?.end;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!end || !way) return;
    event.preventDefault();
    const [index, which] = end.split(".").map(Number);
    const step = event.shiftKey ? BIG_STEP_PX : STEP_PX;
    editor.begin();
    const [x, y] = editor.lines()[index].points[which];
    editor.lines()[index].points[which] = [Math.min(width - 1, Math.max(0, x + way[0] * step)), Math.min(height - 1, Math.max(0, y + way[1] * step))];
    editor.moved();
  });

  // Where vehicles went, under the lines; [] hides them.
  function showPaths(ways) {
    paths = ways.length ? svg("g", { class: "paths", "stroke-width": 1.3 * unit }, ways.map((way) => svg("polyline", { points: way.join(" ") }))) : "";
    draw();
  }

  return { node, draw, showPaths };
}

// The line moved as a whole, no further than the picture's edge.
function shifted(points, dx, dy, width, height) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const x = Math.min(width - 1 - Math.max(...xs), Math.max(-Math.min(...xs), dx));
  const y = Math.min(height - 1 - Math.max(...ys), Math.max(-Math.min(...ys), dy));
  return points.map(([px, py]) => [px + x, py + y]);
}
