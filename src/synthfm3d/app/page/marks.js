// What is drawn over the scan: letters beside the planes, and where was clicked, boxed and brushed.

import { letter } from "./lettering.js";
import { drawPreview } from "./preview.js";

const FAR = 2.5; // slices: beyond, a mark is not drawn
const RADIUS = 7;

export class Marks {
  constructor(canvas, viewer) {
    this.canvas = canvas;
    this.viewer = viewer;
    this.objects = [];
    this.pending = [];
    this.active = 1;
    this.drag = null; // {kind: "box" | "stroke" | "lasso", pixels, colour}
    this.isTime = false;
    this.preview = null; // {affine, picture} of a mask on one slice
  }

  draw() {
    const { canvas, viewer } = this;
    if (!viewer.canvas) return;
    if (canvas.width !== viewer.canvas.width) canvas.width = viewer.canvas.width;
    if (canvas.height !== viewer.canvas.height) canvas.height = viewer.canvas.height;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (viewer.isEmpty) return;
    this.scale = canvas.width / canvas.getBoundingClientRect().width;
    letter(pen, viewer, this.scale, this.isTime);
    if (this.preview) this.#preview(pen);
    for (const object of this.objects) {
      if (object.hidden) continue;
      for (const prompt of object.prompts) this.#prompt(pen, prompt, object.colour, object.label === this.active);
    }
    for (const prompt of this.pending) this.#prompt(pen, prompt, prompt.colour, true, true);
    if (this.drag) this.#dragged(pen);
  }

  /** The preview in the planes that it lies in. */
  #preview(pen) {
    const { affine } = this.preview;
    const at = (row, column) => affine.slice(0, 3).map((one) => one[1] * row + one[2] * column + one[3]);
    const [corner, down, across] = [at(0, 0), at(1, 0), at(0, 1)].map((mm) => this.viewer.pixelsOf(mm));
    corner.forEach((place, n) => {
      const isFlat = [place, down[n], across[n]].every((one) => Math.abs(one.slicesOff) < 0.6);
      if (isFlat) drawPreview(pen, this.preview, [place, down[n], across[n]]);
    });
  }

  #prompt(pen, prompt, colour, isActive, isPending = false) {
    pen.save();
    pen.setLineDash(isPending ? [4 * this.scale, 4 * this.scale] : []);
    if (prompt.type === "point") this.#point(pen, prompt.position_mm, prompt.positive, colour, isActive);
    if (prompt.type === "box") this.#box(pen, prompt, colour);
    if (prompt.type === "scribble") this.#line(pen, prompt.positions_mm, prompt.positive === false ? "#10151b" : colour, 4);
    if (prompt.type === "lasso") this.#line(pen, [...prompt.positions_mm, prompt.positions_mm[0]], colour, 2);
    pen.restore();
  }

  /** A ring with a plus or a minus; white inside a dark rim shows on every grey. */
  #point(pen, mm, positive, colour, isActive) {
    for (const place of this.#near(mm)) {
      pen.globalAlpha = place.alpha * (isActive ? 1 : 0.6);
      const radius = RADIUS * this.scale;
      circle(pen, place.x, place.y, radius, positive ? colour : "#10151b");
      pen.lineWidth = 2 * this.scale;
      pen.strokeStyle = positive ? "#ffffff" : colour;
      pen.stroke();
      pen.setLineDash([]);
      pen.strokeStyle = "#ffffff";
      pen.beginPath();
      pen.moveTo(place.x - radius / 2, place.y);
      pen.lineTo(place.x + radius / 2, place.y);
      if (positive) {
        pen.moveTo(place.x, place.y - radius / 2);
        pen.lineTo(place.x, place.y + radius / 2);
      }
      pen.stroke();
    }
  }

  /** A line through places, in every plane that it lies in; its parts on other slices are left out. */
  #line(pen, positions, colour, width) {
    const planes = positions.map((mm) => this.viewer.pixelsOf(mm));
    pen.strokeStyle = colour;
    pen.lineWidth = width * this.scale;
    pen.lineCap = pen.lineJoin = "round";
    for (let plane = 0; plane < (planes[0]?.length ?? 0); plane++) {
      const nearest = Math.min(...planes.map((places) => Math.abs(places[plane].slicesOff)));
      pen.globalAlpha = nearest > 0.6 ? 0.35 : 0.95;
      pen.beginPath();
      let isDown = false;
      for (const places of planes) {
        const { x, y, slicesOff } = places[plane];
        const isNear = Math.abs(slicesOff) <= FAR;
        if (isNear && isDown) pen.lineTo(x, y);
        else if (isNear) pen.moveTo(x, y);
        isDown = isNear;
      }
      pen.stroke();
    }
  }

  #box(pen, prompt, colour) {
    const ends = this.viewer.pixelsOf(prompt.opposite_mm);
    this.viewer.pixelsOf(prompt.corner_mm).forEach((corner, n) => {
      const between = corner.slicesOff * ends[n].slicesOff <= 0;
      const off = between ? 0 : Math.min(Math.abs(corner.slicesOff), Math.abs(ends[n].slicesOff));
      if (off > FAR) return;
      pen.globalAlpha = off > 0.6 ? 0.3 : 0.95;
      pen.strokeStyle = colour;
      pen.lineWidth = 2 * this.scale;
      pen.strokeRect(corner.x, corner.y, ends[n].x - corner.x, ends[n].y - corner.y);
    });
  }

  #near(mm) {
    return this.viewer.pixelsOf(mm)
      .filter((place) => Math.abs(place.slicesOff) <= FAR)
      .map((place) => ({ ...place, alpha: Math.abs(place.slicesOff) > 0.6 ? 0.35 : 1 }));
  }

  #dragged(pen) {
    const { kind, pixels, colour } = this.drag;
    pen.strokeStyle = colour;
    pen.lineWidth = (kind === "stroke" ? 5 : 2) * this.scale;
    pen.lineCap = pen.lineJoin = "round";
    const [first, last] = [pixels[0], pixels.at(-1)];
    if (kind === "box") {
      pen.strokeRect(first[0], first[1], last[0] - first[0], last[1] - first[1]);
      return;
    }
    pen.beginPath();
    pixels.forEach(([x, y], n) => (n ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.stroke();
    if (kind !== "lasso") return;
    pen.globalAlpha = 0.25;
    pen.fillStyle = colour;
    pen.fill();
  }
}

function circle(pen, x, y, radius, colour) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
}
