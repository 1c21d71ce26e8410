// The second tab: synthetic volumes by preset, seed and the strength of four axes.

import { getJson, postJson } from "./api.js";
import { make } from "./objects.js";
import { during, say } from "./status.js";

const WAIT = 250; // ms after the last move of a slider
const byId = (id) => document.getElementById(id);

export class Playground {
  constructor(workbench) {
    this.workbench = workbench;
    this.drawn = null; // the last answer of the server
    this.ready = this.#fill();
    byId("draw").addEventListener("click", () => {
      byId("seed").value = Number(byId("seed").value) + 1;
      this.draw();
    });
    byId("simulate").addEventListener("click", () => this.drawn && workbench.simulate());
    byId("yaml").addEventListener("click", () => this.#copy());
    byId("show-truth").addEventListener("change", (event) => workbench.showTruth(event.target.checked));
    for (const id of ["preset", "seed"]) byId(id).addEventListener("change", () => this.draw());
  }

  async #fill() {
    const choices = await getJson("api/playground");
    byId("preset").append(...choices.presets.map((name) => make("option", { value: name, textContent: name })));
    for (const axis of choices.axes) {
      const label = make("label", { className: "line" });
      const slider = make("input", { type: "range", id: `axis-${axis}`, min: 0, max: choices.strongest, step: 0.1 });
      slider.value = 1;
      const told = make("output", { textContent: strength(1) });
      slider.addEventListener("input", () => {
        told.textContent = strength(Number(slider.value));
        this.#drawSoon();
      });
      label.append(axis[0].toUpperCase() + axis.slice(1), slider, told);
      byId("axes").append(label);
    }
    this.axes = choices.axes;
  }

  #drawSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), WAIT);
  }

  /** Draw and show what is chosen; while one is drawn, only the last wish waits. */
  async draw() {
    if (this.drawing) {
      this.again = true;
      return;
    }
    this.drawing = true;
    const old = this.drawn;
    const strengths = Object.fromEntries(this.axes.map((axis) => [axis, Number(byId(`axis-${axis}`).value)]));
    const wish = { preset: byId("preset").value, seed: Math.max(0, Math.floor(Number(byId("seed").value) || 0)), strengths };
    const drawn = await during("Drawing", () => postJson("api/playground", wish));
    if (drawn) {
      // One with objects stays among the open scans.
      const isUsed = this.workbench.scan?.id === old?.scan.id && this.workbench.objects.length > 0;
      this.drawn = drawn;
      await this.workbench.show(drawn.scan);
      this.#tell();
      if (old && !isUsed) this.workbench.close(old.scan.id);
    }
    this.drawing = false;
    if (this.again) {
      this.again = false;
      await this.draw();
    }
  }

  #tell() {
    const { milliseconds, scan } = this.drawn;
    const size = scan.shape.join(" × ");
    const kind = { ct: "CT", mr: "MR", us: "ultrasound" }[scan.modality] ?? "";
    byId("drawn").textContent = `${kind}, ${size} voxels, drawn in ${(milliseconds / 1000).toFixed(2)} s`;
    const rows = this.workbench.structures.map(({ name, colour }) => {
      const row = make("li");
      const patch = make("i");
      patch.style.background = colour;
      row.append(patch, name);
      return row;
    });
    byId("legend").replaceChildren(...rows);
    say("A new volume. Its truth is shown in colour. Click inside a structure to segment it.");
  }

  async #copy() {
    if (!this.drawn) return;
    try {
      await navigator.clipboard.writeText(this.drawn.yaml);
      say("Copied. Its first line is the command that draws this volume again.");
    } catch {
      const link = make("a", { href: URL.createObjectURL(new Blob([this.drawn.yaml])), download: "this.yaml" });
      link.click();
      URL.revokeObjectURL(link.href);
      say("The browser gives no clipboard: saved as this.yaml.");
    }
  }
}

const strength = (value) => (value === 0 ? "off" : `× ${value.toFixed(1)}`);
