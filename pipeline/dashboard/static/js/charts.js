// ECharts in the page's colours, with CSV and PNG for every chart.
import { el, toast } from "./dom.js";
import { number } from "./format.js";
import { t } from "./i18n.js";

const LIBRARY = "/static/vendor/echarts-6.1.0.common.min.js";
const open = new Set();
let library = null;

// Resolves once charts can be drawn. The library is the largest file of all: pages without a chart do not wait for it.
export function chartsReady() {
  library ??= new Promise((resolve, reject) => {
    const fail = () => {
      library = null;
      reject(new Error(LIBRARY));
    };
    document.head.append(el("script", { src: LIBRARY, onload: resolve, onerror: fail }));
  });
  return library;
}

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const classColor = (name) => css(`--class-${name}`);

// Lines at 45 degrees, as a survey form marks what nobody saw.
export function hatch(color, background = "transparent") {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const pen = canvas.getContext("2d");
  if (background !== "transparent") {
    pen.fillStyle = background;
    pen.fillRect(0, 0, 8, 8);
  }
  pen.strokeStyle = color;
  pen.lineWidth = 1.4;
  pen.beginPath();
  for (const shift of [-8, 0, 8]) {
    pen.moveTo(shift, 8);
    pen.lineTo(shift + 8, 0);
  }
  pen.stroke();
  return { image: canvas, repeat: "repeat" };
}

// A length in the page's type size, in pixels: the wall has larger type.
const em = (size) => size * parseFloat(getComputedStyle(document.documentElement).fontSize);

export function base() {
  const ink = css("--ink");
  const soft = css("--soft");
  const fontSize = em(0.78);
  return {
    animation: false,
    textStyle: { fontFamily: css("--font"), color: ink, fontSize },
    grid: { left: 8, right: 14, top: em(2.6), bottom: 4, containLabel: true },
    legend: { type: "scroll", top: 0, left: 0, pageIconColor: css("--accent"), pageIconInactiveColor: css("--rule"), pageTextStyle: { color: soft }, itemWidth: 14, itemHeight: 10, itemGap: 14, textStyle: { color: ink, fontSize }, inactiveColor: soft },
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: css("--card"),
      borderColor: css("--rule"),
      textStyle: { color: ink, fontSize: em(0.84) },
    },
    aria: { enabled: true },
  };
}

export function axis(extra = {}) {
  return {
    axisLine: { lineStyle: { color: css("--rule") } },
    axisTick: { show: false },
    axisLabel: {
      color: css("--soft"), hideOverlap: true, fontSize: em(0.75),
      // The library writes numbers in English.
      ...(extra.type === "value" ? { formatter: (value) => number(value, Number.isInteger(value) ? 0 : 1) } : {}),
    },
    nameTextStyle: { color: css("--soft") },
    splitLine: { lineStyle: { color: css("--rule"), opacity: 0.7 } },
    ...extra,
  };
}

// Draws `option` into `host`; a chart already there is changed in place.
export function draw(host, option, label) {
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", label);
  const chart = echarts.getInstanceByDom(host) || echarts.init(host, null, { renderer: "canvas" });
  chart.setOption(option, { notMerge: true });
  open.add(chart);
  return chart;
}

export function forget() {
  for (const chart of open) chart.dispose();
  open.clear();
}

let waiting = 0;
new ResizeObserver(() => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => open.forEach((chart) => chart.isDisposed() || chart.resize()));
}).observe(document.documentElement);

// Buttons for a card: `table()` gives rows of an array of arrays, `picture()` a data URL or a promise of one.
export function exports_(name, title, table, picture) {
  return [
    button("csv", title, () => save(new Blob(["\ufeff" + csv(table())], { type: "text/csv" }), `${name}.csv`)),
    button("png", title, async () => {
      const response = await picture();
      save(response, `${name}.png`);
    }),
  ];
}

function button(kind, title, onclick) {
  return el(
    "button",
    {
      class: "export",
      "data-export": kind,
      "aria-label": t(`download_${kind}`, { name: title }),
      onclick: () => Promise.resolve(onclick()).catch((error) => toast(error.message)),
    },
    t(kind),
  );
}

// What a spreadsheet would take for a formula is written as text.
export function csv(rows) {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function save(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const blobOf = (canvas) => new Promise((done) => canvas.toBlob(done, "image/png"));

// A chart's picture on the card's background, with its title.
export async function chartPicture(host, title) {
  const chart = echarts.getInstanceByDom(host);
  const drawn = chart.renderToCanvas ? chart.renderToCanvas({ pixelRatio: 2 }) : chart.getRenderedCanvas({ pixelRatio: 2 });
  return titled(drawn, title);
}

// An SVG's picture; its styles come from the page and are written into the copy.
export async function svgPicture(node, title) {
  const box = node.getBoundingClientRect();
  const copy = node.cloneNode(true);
  const originals = node.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((part, index) => {
    const style = getComputedStyle(originals[index]);
    for (const key of ["fill", "stroke", "stroke-width", "font", "opacity", "text-anchor"]) part.style.setProperty(key, style.getPropertyValue(key));
  });
  copy.setAttribute("width", box.width * 2);
  copy.setAttribute("height", box.height * 2);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = box.width * 2;
  canvas.height = box.height * 2;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return titled(canvas, title);
}

function titled(drawn, title) {
  const canvas = document.createElement("canvas");
  canvas.width = drawn.width + 40;
  canvas.height = drawn.height + 90;
  const pen = canvas.getContext("2d");
  pen.fillStyle = css("--card");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = css("--ink");
  pen.font = `600 28px ${css("--font")}`;
  pen.fillText(title, 20, 46, drawn.width);
  pen.drawImage(drawn, 20, 74);
  return blobOf(canvas);
}
