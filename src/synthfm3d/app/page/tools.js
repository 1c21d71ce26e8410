// Mouse, pen, finger and keyboard over the scan become prompts and views.

const STEADY = 5; // CSS pixels: a pointer that moved less clicked
const LONGEST_STROKE = 2000;

export class Tools {
  constructor(canvas, viewer, marks, workbench, { onWindow, onKey }) {
    Object.assign(this, { canvas, viewer, marks, workbench, onWindow, onKey, gesture: null });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.#end());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  get tool() {
    return document.querySelector("input[name=tool]:checked").value;
  }

  #isPositive(event) {
    const removes = document.querySelector("input[name=sign]:checked").value === "remove";
    return !(removes || event.button === 2 || event.altKey);
  }

  #down(event) {
    const pixel = this.viewer.pixel(event);
    const tile = this.viewer.tile(pixel);
    if (!tile || this.gesture) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.gesture = {
      kind: this.#kindOf(event, tile), tile, pixels: [pixel], positive: this.#isPositive(event), moved: false,
      from: [event.clientX, event.clientY], last: [event.clientX, event.clientY],
    };
    if (this.gesture.kind === "look") this.#crosshair(pixel, tile);
    event.preventDefault();
  }

  #kindOf(event, tile) {
    if (tile.render) return "turn";
    if (event.shiftKey) return "window";
    if (event.button === 1) return "pan";
    return this.tool;
  }

  #move(event) {
    const { gesture } = this;
    if (!gesture) return;
    const pixel = this.viewer.pixel(event);
    const [dx, dy] = [event.clientX - gesture.last[0], event.clientY - gesture.last[1]];
    gesture.last = [event.clientX, event.clientY];
    const far = Math.hypot(event.clientX - gesture.from[0], event.clientY - gesture.from[1]);
    gesture.moved ||= far > STEADY;
    const scale = this.viewer.canvas.width / this.canvas.getBoundingClientRect().width;
    if (gesture.kind === "turn") this.viewer.turn(dx, dy);
    if (gesture.kind === "window") this.onWindow(dx, dy);
    if (gesture.kind === "pan") this.viewer.pan(gesture.tile, dx * scale, dy * scale);
    if (gesture.kind === "look") this.#crosshair(pixel, gesture.tile);
    if (gesture.kind === "click" && gesture.moved) this.#drag("box", pixel);
    if (gesture.kind === "brush") this.#drag("stroke", pixel);
  }

  #drag(kind, pixel) {
    const { gesture } = this;
    if (kind === "box") gesture.pixels = [gesture.pixels[0], pixel];
    else if (gesture.pixels.length < LONGEST_STROKE) gesture.pixels.push(pixel);
    this.marks.drag = { kind, pixels: gesture.pixels, colour: this.workbench.activeColour };
    this.marks.draw();
  }

  #up(event) {
    const { gesture } = this;
    if (!gesture) return;
    this.#end();
    if (gesture.kind !== "click" && gesture.kind !== "brush") return;
    const places = gesture.pixels.map((pixel) => this.viewer.millimetres(pixel, gesture.tile));
    const inside = places.filter((mm) => mm !== null);
    if (!inside.length) return;
    if (gesture.kind === "brush") {
      this.workbench.prompt([{ type: "scribble", positions_mm: inside, positive: gesture.positive }]);
    } else if (!gesture.moved) {
      this.viewer.moveToMm(inside[0]);
      this.workbench.prompt([{ type: "point", position_mm: inside[0], positive: gesture.positive }]);
    } else if (inside.length === 2) {
      this.workbench.prompt([{ type: "box", corner_mm: inside[0], opposite_mm: inside[1] }]);
    }
    event.preventDefault();
  }

  #end() {
    this.gesture = null;
    this.marks.drag = null;
    this.marks.draw();
  }

  #crosshair(pixel, tile) {
    const mm = this.viewer.millimetres(pixel, tile);
    if (mm) this.viewer.moveToMm(mm);
  }

  #wheel(event) {
    const tile = this.viewer.tile(this.viewer.pixel(event));
    if (!tile) return;
    event.preventDefault();
    const step = Math.sign(event.deltaY);
    if (event.ctrlKey || event.metaKey) this.viewer.zoom(step < 0 ? 1.15 : 1 / 1.15);
    else if (!tile.render) this.viewer.setSlice(tile.axis, this.viewer.slices[tile.axis] - step);
  }

  #key(event) {
    if (this.viewer.isEmpty || event.ctrlKey || event.metaKey) return;
    const moves = {
      ArrowLeft: [0, 1], ArrowRight: [0, -1], ArrowUp: [1, 1], ArrowDown: [1, -1], PageUp: [2, 1], PageDown: [2, -1],
    };
    if (event.key in moves) {
      const [axis, step] = moves[event.key];
      this.viewer.setSlice(axis, this.viewer.slices[axis] + step);
    } else if (event.key === "Enter") {
      const positive = !event.shiftKey && this.#isPositive(event);
      this.workbench.prompt([{ type: "point", position_mm: this.viewer.crosshairMm, positive }]);
    } else if (!this.onKey(event.key)) {
      return;
    }
    event.preventDefault();
  }
}
