// Ways to open a scan: named at the start, under the server's root, from this machine by dialog or drop.

import { getJson, postJson, upload } from "./api.js";
import { button, make } from "./objects.js";
import { during, say } from "./status.js";

const byId = (id) => document.getElementById(id);

export class Opening {
  /** onOpened(details): a scan is open. */
  constructor(onOpened) {
    this.onOpened = onOpened;
    byId("file").addEventListener("change", (event) => {
      if (event.target.files.length) this.uploadFile(event.target.files[0]);
      event.target.value = "";
    });
    byId("browse").addEventListener("click", () => this.#toggle());
    this.#acceptDrops();
  }

  async openNamed(number) {
    await this.#opened(during("Opening", () => postJson("api/scans", { scan: number })));
  }

  async uploadFile(file) {
    await this.#opened(during(`Sending ${file.name}`, () => upload(file)));
  }

  async #opened(answer) {
    const details = await answer;
    if (!details) return;
    this.#close();
    await this.onOpened(details);
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
    const found = await during("Listing", () => getJson(`api/files?folder=${encodeURIComponent(folder)}`));
    if (!found) return;
    const rows = folder ? [] : found.scans.map((one) => button(one.name, "", () => this.openNamed(one.scan)));
    if (folder) rows.push(button("↑ Up", "Folder above", () => this.#list(folder.split("/").slice(0, -1).join("/"))));
    for (const entry of found.entries) {
      rows.push(button(entry.is_folder ? `${entry.name} /` : entry.name, "", () =>
        entry.is_folder ? this.#enter(entry.path) : this.#openPath(entry.path)));
    }
    if (folder) rows.push(button("Open this folder as one scan", "", () => this.#openPath(folder)));
    if (!rows.length) rows.push(make("p", { textContent: "The server was started without scans.", className: "faint" }));
    byId("listing").replaceChildren(...rows);
    byId("listing").hidden = false;
    byId("browse").setAttribute("aria-expanded", "true");
  }

  #enter(path) {
    return this.#list(path);
  }

  #openPath(path) {
    return this.#opened(during("Opening", () => postJson("api/scans", { path })));
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
      if (files.length > 1) say("Drop one file; a DICOM folder is opened on the server (--root).", true);
      else if (files.length) this.uploadFile(files[0]);
    });
  }
}
