// Mouse, pen, finger and keyboard over the scan become prompts and views.

const STEADY = 5; // CSS pixels: a pointer that moved less clicked
const LONGEST_STROKE = 2000;
const FEWEST_OF_LASSO = 3; // places
const SAME_FOR_BOTH = {
  box: "Drag a box around the object on this slice.",
  lasso: "Draw a line around the object on this slice, close to its border.",
  navigate: "Drag to move the crosshair. Nothing is segmented.",
};
const HINTS = {
  add: {
    ...SAME_FOR_BOTH,
    point: "Click inside the object. Right-click or Alt-click outside it. Dragging draws a box.",
    brush: "Paint a stroke inside the object.",
  },
  remove: {
    ...SAME_FOR_BOTH,
    point: "Click on what does not belong to the object.",
    brush: "Paint a stroke over what does not belong to the object.",
  },
};

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
    for (const input of document.querySelectorAll("input[name=tool], input[name=sign]")) {
      input.addEventListener("change", () => this.#hint());
    }
    this.#hint();
  }

  get tool() {
    return document.querySelector("input[name=tool]:checked").value;
  }

  get removes() {
    return document.querySelector("input[name=sign]:checked").value === "remove";
  }

  #isPositive(event) {
    return !(this.removes || event.button === 2 || event.altKey);
  }

  #hint() {
    document.getElementById("tool-hint").textContent = HINTS[this.removes ? "remove" : "add"][this.tool];
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
    if (this.gesture.kind === "navigate") this.#crosshair(pixel, tile);
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
    if (gesture.kind === "navigate") this.#crosshair(pixel, gesture.tile);
    if (gesture.kind === "box" || (gesture.kind === "point" && gesture.moved)) this.#drag("box", pixel);
    if (gesture.kind === "brush") this.#drag("stroke", pixel);
    if (gesture.kind === "lasso") this.#drag("lasso", pixel);
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
    if (!["point", "box", "brush", "lasso"].includes(gesture.kind)) return;
    const places = gesture.pixels.map((pixel) => this.viewer.millimetres(pixel, gesture.tile));
    const inside = places.filter((mm) => mm !== null);
    if (inside.length) this.#prompt(gesture, inside);
    event.preventDefault();
  }

  #prompt({ kind, moved, positive }, places) {
    if (kind === "brush") {
      this.workbench.prompt([{ type: "scribble", positions_mm: places, positive }]);
    } else if (kind === "lasso") {
      if (places.length >= FEWEST_OF_LASSO) this.workbench.prompt([{ type: "lasso", positions_mm: places }]);
    } else if (moved) {
      if (places.length === 2) this.workbench.prompt([{ type: "box", corner_mm: places[0], opposite_mm: places[1] }]);
    } else if (kind === "point") {
      this.viewer.moveToMm(places[0]);
      this.workbench.prompt([{ type: "point", position_mm: places[0], positive }]);
    }
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
    if (event.key === "Escape" && this.gesture) {
      this.#end();
      event.stopPropagation();
      return;
    }
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
