// How the scan is shown: window and level, slices, opacity, layout.

import { make } from "./objects.js";

const CT_WINDOWS = {
  "Soft tissue": [40, 400], Liver: [60, 160], Lung: [-600, 1500], Bone: [400, 1800], Brain: [40, 80],
};
const byId = (id) => document.getElementById(id);

export class Display {
  constructor(viewer, workbench) {
    this.viewer = viewer;
    this.workbench = workbench;
    byId("window").addEventListener("change", (event) => this.setWindow(...this.presets[event.target.value]));
    for (const id of ["level", "width"]) {
      byId(id).addEventListener("change", () =>
        this.setWindow(Number(byId("level").value), Math.max(1e-6, Number(byId("width").value)), true));
    }
    byId("opacity").addEventListener("input", (event) => workbench.setOpacity(Number(event.target.value)));
    byId("outlined").addEventListener("change", (event) => workbench.setOutlined(event.target.value === "outline"));
    byId("crosshair").addEventListener("change", (event) => viewer.setCrosshair(event.target.checked));
    byId("layout").addEventListener("change", (event) => viewer.setLayout(event.target.value));
    for (const axis of [0, 1, 2]) {
      byId(`slice-${axis}`).addEventListener("input", (event) => viewer.setSlice(axis, Number(event.target.value)));
    }
  }

  /** Presets and sliders for a new scan. */
  reset() {
    const { scan } = this.workbench;
    const [low, high] = scan.display;
    const [least, most] = scan.value_range;
    this.presets = { Automatic: [(low + high) / 2, high - low], ...(scan.modality === "ct" ? CT_WINDOWS : {}) };
    this.presets["All values"] = [(least + most) / 2, Math.max(most - least, 1e-6)];
    byId("window").replaceChildren(...Object.keys(this.presets).map((name) => make("option", { textContent: name })));
    this.setWindow(...this.presets.Automatic);
    this.viewer.dimensions.forEach((n, axis) => (byId(`slice-${axis}`).max = n - 1));
    this.showSlices();
  }

  setWindow(level, width, isOwn = false) {
    Object.assign(this, { level, width });
    if (isOwn && !byId("window").querySelector("[value=own]")) {
      byId("window").append(make("option", { textContent: "Custom", value: "own", disabled: true }));
    }
    if (isOwn) byId("window").value = "own";
    byId("level").value = rounded(level);
    byId("width").value = rounded(width);
    this.viewer.setWindow(level - width / 2, level + width / 2);
  }

  /** Shift and drag: to the right more contrast, up brighter, as viewers do. */
  dragWindow(dx, dy) {
    const step = this.presets.Automatic[1] / 300;
    this.setWindow(this.level + dy * step, Math.max(step, this.width - dx * step), true);
  }

  showSlices() {
    if (this.viewer.isEmpty) return;
    this.viewer.slices.forEach((number, axis) => {
      byId(`slice-${axis}`).value = number;
      byId(`at-${axis}`).textContent = `${number + 1} / ${this.viewer.dimensions[axis]}`;
    });
  }
}

const rounded = (value) => Number(value.toPrecision(4));
