// The open scans of this visitor: resume one with its objects, close one, and keep work from being lost.

import { getJson } from "./api.js";
import { ask } from "./dialogs.js";
import { button, make } from "./objects.js";

const KEEP_ALIVE = 120_000; // ms between signs that scans with objects are still wanted
const LAST = "synthfm3d.scan"; // what this tab showed last
export const KINDS = { ct: "CT", mr: "MR", us: "Ultrasound", unknown: "Unknown" };
const byId = (id) => document.getElementById(id);

export class Scans {
  /** resume(details): show an open scan. */
  constructor(workbench, resume) {
    Object.assign(this, { workbench, resume, open: [] });
    setInterval(() => this.#keepAlive(), KEEP_ALIVE);
    workbench.addEventListener("change", ({ detail }) => {
      if (detail === "scan" && workbench.scan) sessionStorage.setItem(LAST, workbench.scan.id);
      if (detail === "scan" || detail === "closed") this.refresh();
      else if (detail === "objects") this.#list();
    });
  }

  async refresh() {
    this.open = await getJson("api/scans").catch(() => this.open);
    this.#list();
  }

  /** The scan that this tab showed last, else the latest; synthetic volumes do not count. */
  get last() {
    const scans = this.open.filter((one) => !isSynthetic(one));
    return scans.find((one) => one.id === sessionStorage.getItem(LAST)) ?? scans.at(-1);
  }

  /** An open scan of the same file, frame and series. */
  of(source) {
    const same = (one) => ["scan", "path", "frame", "series"].every((key) => (one[key] ?? null) === (source[key] ?? null));
    return this.open.findLast((one) => one.source && same(one.source));
  }

  #list() {
    const { scan } = this.workbench;
    if (scan) this.open = this.open.map((one) => (one.id === scan.id ? scan : one));
    byId("open-scans").replaceChildren(...this.open.map((one) => this.#row(one, one.id === scan?.id)));
    byId("open-scans-box").hidden = this.open.length === 0 || (this.open.length === 1 && scan !== null);
  }

  #row(one, isShown) {
    const row = make("li", { className: isShown ? "active" : "" });
    const show = button(`${one.name} (${count(one)})`, "", () => isShown || this.resume(one));
    if (isShown) show.setAttribute("aria-current", "true");
    row.append(show, button("✕", `Close ${one.name}`, () => this.#close(one)));
    return row;
  }

  async #close(one) {
    if (one.objects.length && !(await this.#mayDiscard(one))) return;
    await this.workbench.close(one.id);
    if (this.workbench.scan?.id === one.id) this.workbench.clear();
  }

  async #mayDiscard(one) {
    const answer = await ask(`Close ${one.name} and lose its ${count(one)}?`, [
      ["discard", "Close it"], ["save", "Save the session, then close"], [null, "Keep it open"],
    ]);
    if (answer !== "save") return answer === "discard";
    make("a", { href: `api/scans/${one.id}/session.zip`, download: "" }).click();
    await new Promise((done) => setTimeout(done, 1500)); // the browser asks for the file by itself
    return true;
  }

  /** The server closes what nobody uses; a scan with objects is in use as long as a page shows the list. */
  #keepAlive() {
    for (const one of this.open.filter(({ objects }) => objects.length)) getJson(`api/scans/${one.id}`).catch(() => {});
  }
}

export const isSynthetic = (scan) => Object.keys(scan.structures).length > 0;

export function count({ objects }) {
  if (!objects.length) return "no objects";
  return objects.length === 1 ? "1 object" : `${objects.length} objects`;
}
