// Traffic as it was observed: starting to observe, how far that is, suggested lines, and what each line would have counted.
import { ask } from "./api.js";
import { el, toast } from "./dom.js";
import { t } from "./i18n.js";

const ASK_EVERY_MS = 1000;
const CLASSES = ["motorcycle", "car", "bus", "truck", "bicycle"];

// A panel for one camera; `editor` hears of paths to draw, of suggested lines, and that there is something new to count on.
export function trafficPanel(path, file, editor) {
  const text = el("p", { class: "note", role: "status", id: "observe-state" });
  const bar = el("progress", { max: 1, value: 0, hidden: true, "aria-label": t("traffic") });
  const begin = el("button", { id: "observe", onclick: () => send("POST") }, t("observe"));
  const stop = el("button", { id: "observe-stop", hidden: true, onclick: () => send("DELETE") }, t("observe_stop"));
  const suggest = el("button", { id: "suggest", onclick: propose }, t("suggest"));
  const show = el("input", { type: "checkbox", id: "show-paths", onchange: draw });
  const shown = el("label", { class: "check" }, show, el("span", {}, t("show_paths")));
  const panel = el("div", { class: "traffic" }, el("h3", {}, t("traffic")), text, bar, el("div", { class: "row-buttons" }, begin, stop, suggest), shown);
  let was = null;
  let timer = null;

  function tell(state) {
    const running = state.phase === "running";
    bar.hidden = !running;
    bar.value = state.share;
    begin.hidden = running;
    stop.hidden = !running;
    begin.textContent = t(state.sample ? "observe_again" : "observe");
    suggest.hidden = shown.hidden = !state.sample || running;
    if (running) text.textContent = t("observe_running", { share: `${Math.round(state.share * 100)} %` });
    else if (state.phase === "failed") text.textContent = t("observe_failed", { reason: state.message });
    else text.textContent = state.sample ? t("observe_seen", { vehicles: state.sample.vehicles, duration: lasting(state.sample.duration_s) }) : t("observe_note");
    if (was === "running" && state.phase === "ready") {
      editor.observed();
      draw();
    }
    was = state.phase;
    clearTimeout(timer);
    if (running && panel.isConnected) timer = setTimeout(look, ASK_EVERY_MS);
  }

  async function look() {
    try {
      tell(await ask(`${path}/observing`));
    } catch (error) {
      text.textContent = error.message;
    }
  }

  async function send(method) {
    try {
      tell(await ask(`${path}/observing`, { method, headers: { "X-Simpang-Token": file.token } }));
    } catch (error) {
      text.textContent = error.message;
    }
  }

  async function propose() {
    suggest.disabled = true;
    try {
      const { lines } = await ask(`${path}/suggestions`);
      if (lines.length) editor.suggested(lines);
      toast(lines.length ? t("suggested", { n: lines.length }) : t("none_suggested"));
    } catch (error) {
      toast(error.message);
    }
    suggest.disabled = false;
  }

  async function draw() {
    try {
      editor.paths(show.checked ? (await ask(`${path}/paths`)).paths : []);
    } catch (error) {
      toast(error.message);
    }
  }

  look();
  return panel;
}

// What one line would have counted: forward and backward, with the classes.
export function countsOf(counts) {
  if (!counts) return [];
  return ["forward", "backward"].map((direction) => {
    const classes = CLASSES.filter((name) => counts[direction][name]);
    const sum = classes.reduce((total, name) => total + counts[direction][name], 0);
    return el("p", { "data-direction": direction },
      el("span", { class: "way" }, t(direction)), el("b", {}, String(sum)),
      el("span", { class: "classes" }, classes.map((name) => `${t(name)} ${counts[direction][name]}`).join(" · ")));
  });
}

function lasting(seconds) {
  return seconds < 120 ? t("seconds_n", { n: seconds }) : t("minutes_n", { n: Math.round(seconds / 60) });
}
