// The line editor: the camera's still with its lines, a list to name them, checks, undo and saving.
import { ask } from "../api.js";
import { card, el, toast } from "../dom.js";
import { cameraName } from "../format.js";
import { t } from "../i18n.js";
import { canvasOf } from "../line_canvas.js";
import { countsOf, trafficPanel } from "../line_traffic.js";

const CHECK_AFTER_MS = 350;
const UNDO_STEPS = 100;

export async function linesPage(state, catalogue) {
  if (!catalogue.editor) throw new Error(t("no_editor"));
  const path = `/api/lines/${encodeURIComponent(state.camera)}`;
  const file = await ask(path);
  if (!file.has_picture) throw new Error(t("no_picture"));
  const picture = new Image();
  picture.src = `${path}/still.jpg`;
  await picture.decode().catch(async () => {
    await ask(`${path}/still.jpg`);
  });
  return (main) => new Editor(main, path, file, picture, state);
}
linesPage.keepsItself = true;

class Editor {
  constructor(main, path, file, picture, state) {
    Object.assign(this, { path, file, size: [picture.naturalWidth, picture.naturalHeight], past: [], chosen: null, remarks: [], counts: null });
    this.lines = file.lines.map((line) => ({ ...line, before: line.name }));
    document.title = `${t("lines")} · Simpang`;
    this.list = el("div", { class: "line-list" });
    this.buttons = {
      undo: el("button", { id: "undo", onclick: () => this.undo() }, t("undo")),
      save: el("button", { id: "save", class: "primary", onclick: () => this.save() }, t("save")),
    };
    this.message = el("p", { class: "note", role: "status", id: "line-message" });
    this.canvas = canvasOf(picture, {
      lines: () => this.lines, chosen: () => this.chosen, bad: (index) => this.remarks.some((remark) => remark.index === index),
      choose: (index) => this.choose(index), begin: () => this.remember(), moved: () => this.changed(false), dropped: () => this.changed(true),
      add: (points) => this.add(points),
    });
    this.traffic = file.observes ? trafficPanel(path, file, {
      paths: (paths) => this.canvas.showPaths(paths), suggested: (lines) => this.take(lines), observed: () => this.check(),
    }) : null;
    main.append(
      el("div", { class: "page-head" }, el("h1", {}, cameraName(file)), el("p", { class: "note" }, t("size", { width: this.size[0], height: this.size[1] }))),
      el("div", { class: "editor" },
        card(t("lines"), { class: "card still", note: `${t("draw_help")} ${t("edit_help")}`, tools: [this.buttons.undo, this.buttons.save] }, this.canvas.node),
        card(t("remarks"), { class: "card" }, this.traffic, this.message, file.writable ? null : el("p", { class: "banner" }, t("read_only")), this.list)),
    );
    document.onkeydown = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "z" && state.page === "lines") this.undo();
    };
    this.changed(true);
  }

  remember() {
    this.past.push(JSON.stringify(this.lines));
    if (this.past.length > UNDO_STEPS) this.past.shift();
  }

  undo() {
    if (!this.past.length) return;
    this.lines = JSON.parse(this.past.pop());
    if (this.chosen >= this.lines.length) this.chosen = null;
    this.changed(true);
  }

  add(points) {
    this.remember();
    let number = this.lines.length + 1;
    while (this.lines.some((line) => line.name === `garis-${number}`)) number++;
    this.lines.push({ name: `garis-${number}`, points, approach: null, role: "count", before: null });
    this.chosen = this.lines.length - 1;
    this.changed(true);
  }

  // Suggested lines come in place of those drawn, in one step that can be undone; those of the file keep their rows.
  take(lines) {
    this.remember();
    const names = new Set(this.lines.filter((line) => line.before).map((line) => line.name));
    const kept = this.lines.filter((line) => line.before);
    const fresh = lines.map((line) => {
      let name = line.name;
      for (let number = 2; names.has(name); number++) name = `${line.name}-${number}`;
      return { ...line, name, before: null };
    });
    this.lines = [...kept, ...fresh];
    this.chosen = null;
    this.changed(true);
  }

  choose(index) {
    this.chosen = index;
    this.canvas.draw();
    for (const row of this.list.children) row.classList.toggle("chosen", Number(row.dataset.index) === index);
  }

  edit(index, changes) {
    this.remember();
    Object.assign(this.lines[index], changes);
    this.changed(!("name" in changes));
  }

  changed(rebuild) {
    this.canvas.draw();
    if (rebuild) this.fill();
    this.buttons.undo.disabled = !this.past.length;
    this.buttons.save.disabled = !this.file.writable || !this.past.length;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), CHECK_AFTER_MS);
  }

  body() {
    return {
      lines: this.lines.map(({ name, points, approach, role }) => ({ name, points, approach, role })),
      names_before: this.lines.map((line) => line.before), size: this.size, digest: this.file.digest,
    };
  }

  async check() {
    try {
      const asked = (this.asked = (this.asked || 0) + 1);
      const answer = await ask(`${this.path}/check`, { method: "POST", body: JSON.stringify(this.body()) });
      if (asked !== this.asked) return;
      this.remarks = answer.remarks;
      this.counts = answer.counts;
      const fine = this.lines.length && !this.remarks.length;
      this.message.textContent = [fine && t("all_fine"), this.past.length && t("unsaved")].filter(Boolean).join(" ");
    } catch (error) {
      this.remarks = [];
      this.counts = null;
      this.message.textContent = error.message;
    }
    for (const row of this.list.children) {
      const mine = this.remarks.filter((remark) => remark.index === Number(row.dataset.index));
      row.querySelector(".tried")?.replaceChildren(...countsOf(this.counts?.[Number(row.dataset.index)]));
      row.querySelector("ul.remarks")?.replaceChildren(...mine.map((remark) => el("li", { class: remark.level }, t(`r_${remark.code}`, remark.values))));
    }
    this.canvas.draw();
  }

  async save() {
    try {
      this.file = await ask(this.path, { method: "PUT", body: JSON.stringify(this.body()), headers: { "X-Simpang-Token": this.file.token } });
      this.lines = this.file.lines.map((line) => ({ ...line, before: line.name }));
      this.past = [];
      this.changed(true);
      toast(t("saved"));
    } catch (error) {
      toast(error.message);
      this.message.textContent = error.message;
    }
  }

  fill() {
    this.list.replaceChildren(...(this.lines.length ? this.lines.map((line, index) => this.row(line, index)) : [el("p", { class: "note" }, t("no_lines"))]));
  }

  row(line, index) {
    const field = (label, control) => el("label", {}, el("span", {}, label), control);
    const select = (key, values, word) =>
      el("select", { onchange: (event) => this.edit(index, { [key]: event.target.value || null }) },
        values.map((value) => el("option", { value, selected: (line[key] || "") === value }, t(`${word}_${value}`))));
    return el("div", { class: `line-row${index === this.chosen ? " chosen" : ""}`, "data-index": index, onfocusin: () => this.choose(index), onclick: () => this.choose(index) },
      field(t("name"), el("input", { value: line.name, spellcheck: "false", maxlength: 40, oninput: (event) => this.edit(index, { name: event.target.value }) })),
      field(t("approach"), select("approach", ["", "U", "S", "T", "B"], "arm")),
      field(t("role"), select("role", ["entry", "exit", "count"], "role")),
      el("div", { class: "row-buttons" },
        el("button", { onclick: () => this.edit(index, { points: [...line.points].reverse() }) }, t("flip")),
        el("button", { onclick: () => this.drop(index) }, t("remove"))),
      el("div", { class: "tried" }, countsOf(this.counts?.[index])),
      el("ul", { class: "remarks" }));
  }

  drop(index) {
    this.remember();
    this.lines.splice(index, 1);
    this.chosen = null;
    this.changed(true);
  }
}
