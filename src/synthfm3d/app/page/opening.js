// Ways to open a scan: named at the start, under the server's root, from this machine by dialog or drop.

import { getJson, postJson, upload } from "./api.js";
import { ask } from "./dialogs.js";
import { button, make } from "./objects.js";
import { count } from "./scans.js";
import { during } from "./status.js";

const byId = (id) => document.getElementById(id);

export class Opening {
  /** onOpened(details): a scan is open. scans: those that are open already. */
  constructor(scans, onOpened) {
    Object.assign(this, { scans, onOpened });
    byId("file").addEventListener("change", (event) => {
      if (event.target.files.length) this.uploadFile(event.target.files[0]);
      event.target.value = "";
    });
    byId("browse").addEventListener("click", () => this.#toggle());
    this.#acceptDrops();
  }

  /** Open what the server knows, {scan} or {path}; one that is open with objects is offered to go on with. */
  async openSource(source) {
    const open = this.scans.of(source);
    const answer = open?.objects.length ? await this.#whichOf(open) : open && "resume";
    if (answer === null) return;
    if (answer === "resume") await this.#opened(open);
    else await this.#open("Opening", (choices) => postJson("api/scans", { ...source, ...choices }));
  }

  async uploadFile(file) {
    await this.#open(`Sending ${file.name}`, (choices) => upload(file, choices));
  }

  #whichOf(open) {
    return ask(`${open.name} is open already, with ${count(open)}.`, [
      ["anew", "Open it again, without objects"], ["resume", "Go on with it"],
    ]);
  }

  /** Open by a request that takes choices; what the file leaves open is asked for and tried again. */
  async #open(what, request, choices = {}) {
    this.#tell("");
    const details = await during(what, () => request(choices), (error) => {
      this.#tell(error.message);
      this.#askFor(error, (more) => this.#open(what, request, { ...choices, ...more }));
    });
    if (details) await this.#opened(details);
  }

  async #opened(details) {
    this.#tell("");
    this.#close();
    await this.onOpened(details);
  }

  #tell(message) {
    byId("open-error").textContent = message;
    byId("choices").hidden = true;
  }

  /** Offer the frames or series that an error lists. */
  #askFor({ frames, series }, choose) {
    if (!frames && !series?.length) return;
    const options = frames
      ? Array.from({ length: frames }, (_, n) => make("option", { value: n, textContent: `${n} (of 0 to ${frames - 1})` }))
      : series.map((text, n) => make("option", { value: n + 1, textContent: `${n + 1}: ${text}` }));
    byId("choice").replaceChildren(...options);
    byId("choice-name").textContent = frames ? "Frame" : "Series";
    byId("choose").onclick = () => choose({ [frames ? "frame" : "series"]: byId("choice").value });
    byId("choices").hidden = false;
    byId("choice").focus();
  }

  async #toggle() {
    if (byId("listing").hidden) await this.#list("");
    else this.#close();
  }

  #close() {
    byId("listing").hidden = true;
    byId("browse").setAttribute("aria-expanded", "false");
  }

  async #list(folder) {
    const found = await during("Listing", () => getJson(`api/files?folder=${encodeURIComponent(folder)}`), (error) => this.#tell(error.message));
    if (!found) return;
    const rows = folder ? [] : found.scans.map((one) => button(one.name, "", () => this.openSource({ scan: one.scan })));
    if (folder) rows.push(button("↑ Up", "Folder above", () => this.#list(folder.split("/").slice(0, -1).join("/"))));
    for (const entry of found.entries) {
      rows.push(button(entry.is_folder ? `${entry.name} /` : entry.name, "", () =>
        entry.is_folder ? this.#list(entry.path) : this.openSource({ path: entry.path })));
    }
    if (folder) rows.push(button("Open this folder as one scan", "", () => this.openSource({ path: folder })));
    if (!rows.length) rows.push(make("p", { textContent: "The server was started without scans.", className: "faint" }));
    byId("listing").replaceChildren(...rows);
    byId("listing").hidden = false;
    byId("browse").setAttribute("aria-expanded", "true");
  }

  #acceptDrops() {
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    window.addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      byId("drop").hidden = false;
    });
    window.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) byId("drop").hidden = true;
    });
    window.addEventListener("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      byId("drop").hidden = true;
      const files = [...event.dataTransfer.files];
      if (files.length > 1) this.#tell("Drop one file. A DICOM folder is opened on the server (start it with --root).");
      else if (files.length) this.uploadFile(files[0]);
    });
  }
}
