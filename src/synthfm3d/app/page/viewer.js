// The scan on the screen: NiiVue behind the few words that the rest of the page needs.
//
// Everything that leaves here is RAS mm. NiiVue's own voxel indices are flipped to its canonical axes and
// never used for prompts; its mm are true on oblique scans only where isForceSliceMM is passed.

const LAYOUTS = { axial: "AXIAL", coronal: "CORONAL", sagittal: "SAGITTAL", render: "RENDER", all: "MULTIPLANAR" };
const PLANES = { axial: 0, coronal: 1, sagittal: 2 };
const NORMAL = [2, 1, 0]; // of the axial, coronal and sagittal plane: the axis that it cuts
const ACROSS = [[0, 1], [0, 2], [1, 2]]; // axes to the right and up in each plane

export class Viewer {
  /** onDrawn: called after every drawing. onMoved({mm, value}): called when the crosshair moves. */
  constructor(onDrawn, onMoved) {
    const { Niivue, SHOW_RENDER } = globalThis.niivue;
    this.nv = new Niivue({
      backColor: [0, 0, 0, 1],
      crosshairColor: [0.35, 0.8, 1, 0.7],
      crosshairWidth: 0.25,
      crosshairWidthUnit: "percent",
      crosshairGap: 6,
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      loadingText: "",
      logLevel: "error",
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      show3Dcrosshair: true,
      fontColor: [0.95, 0.85, 0.45, 1],
      fontMinPx: 17,
      multiplanarPadPixels: 3,
      showAllOrientationMarkers: true,
    });
    this.labels = null;
    this.truth = null;
    drawOnceAFrame(this.nv, onDrawn);
    this.nv.onLocationChange = (told) =>
      onMoved({ mm: [...told.mm].slice(0, 3), value: told.values?.[0]?.value });
  }

  async attach(canvas) {
    await this.nv.attachToCanvas(canvas);
    this.canvas = canvas;
    canvas.tabIndex = -1; // the keyboard belongs to the marks above it
    this.setLayout("all");
    new ResizeObserver(() => this.#arrange()).observe(canvas);
  }

  /** Four views in a square or in a row, whichever draws them larger: a tall stack wants the row. */
  #arrange() {
    if (this.isEmpty) return;
    const { GRID, ROW } = globalThis.niivue.MULTIPLANAR_TYPE;
    const { pixDimsRAS } = this.nv.volumes[0];
    const [x, y, z] = this.dimensions.map((n, axis) => n * pixDimsRAS[axis + 1]);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const inSquare = Math.min(width / (x + y), height / (z + y));
    const inRow = Math.min(width / (2 * x + y + Math.max(x, y, z)), height / Math.max(y, z));
    this.nv.setMultiplanarLayout(inRow > 1.1 * inSquare ? ROW : GRID);
  }

  get isEmpty() {
    return this.nv.volumes.length === 0;
  }

  /** Voxels along R, A, S. */
  get dimensions() {
    return this.nv.volumes[0].dimsRAS.slice(1, 4);
  }

  async showImage(bytes, [low, high]) {
    for (const volume of [...this.nv.volumes].reverse()) this.nv.removeVolume(volume);
    this.labels = this.truth = null;
    const image = await decoded(bytes, { cal_min: low, cal_max: high, colormap: "gray" });
    this.nv.addVolume(image);
    this.setWindow(low, high);
    this.#arrange();
    this.resetView();
    this.nv.scene.crosshairPos = [0.5, 0.5, 0.5];
    this.redraw();
  }

  /** Replace an overlay, "labels" or "truth"; null bytes take it away. */
  async showOverlay(which, bytes, colours, opacity) {
    const old = this[which];
    if (bytes === null) {
      this[which] = null;
      if (old) this.nv.removeVolume(old);
    } else if (old) {
      // The grid is the same: only the voxels are new.
      old.img = await voxelsOf(bytes, old.img.constructor);
      this.recolour(which, colours);
    } else {
      this[which] = await decoded(bytes, { opacity });
      this[which].setColormapLabel(colours);
      this.nv.addVolume(this[which]);
    }
  }

  recolour(which, colours) {
    if (!this[which]) return;
    this[which].setColormapLabel(colours);
    this.nv.updateGLVolume();
  }

  setOpacity(which, opacity) {
    if (this[which]) this.nv.setOpacity(this.nv.volumes.indexOf(this[which]), opacity);
  }

  setWindow(low, high) {
    const image = this.nv.volumes[0];
    image.cal_min = low;
    image.cal_max = high;
    this.nv.updateGLVolume();
  }

  setLayout(name) {
    this.nv.setSliceType(globalThis.niivue.SLICE_TYPE[LAYOUTS[name]]);
  }

  resetView() {
    this.nv.setPan2Dxyzmm([0, 0, 0, 1]);
  }

  redraw() {
    this.nv.drawScene();
  }

  // ---------------------------------------------------------------- slices and crosshair

  /** Slice numbers along R, A, S, from 0. */
  get slices() {
    const { crosshairPos } = this.nv.scene;
    return this.dimensions.map((n, axis) => Math.min(n - 1, Math.max(0, Math.floor(crosshairPos[axis] * n))));
  }

  setSlice(axis, number) {
    const n = this.dimensions[axis];
    const place = [...this.nv.scene.crosshairPos];
    place[axis] = (Math.min(n - 1, Math.max(0, number)) + 0.5) / n;
    this.moveTo(place);
  }

  moveTo(fraction) {
    this.nv.scene.crosshairPos = fraction;
    this.redraw();
    this.nv.createOnLocationChange();
  }

  moveToMm(mm) {
    this.moveTo(this.nv.mm2frac(mm, 0, true));
  }

  get crosshairMm() {
    return [...this.nv.frac2mm(this.nv.scene.crosshairPos, 0, true)].slice(0, 3);
  }

  // ---------------------------------------------------------------- pixels of the canvas

  /** Pixel of the canvas under a pointer. */
  pixel(event) {
    const frame = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / frame.width;
    return [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
  }

  /** What is drawn at a pixel: {index, axis} of a plane, {render: true}, or null. */
  tile([x, y]) {
    if (this.isEmpty) return null;
    const index = this.nv.tileIndex(x, y);
    if (index < 0) return null;
    const kind = this.nv.screenSlices[index].axCorSag;
    return kind > 2 ? { render: true } : { index, axis: NORMAL[kind] };
  }

  /** RAS mm at a pixel of a plane, or null beyond the scan. */
  millimetres([x, y], tile) {
    const fraction = this.nv.screenXY2TextureFrac(x, y, tile.index);
    if (fraction[0] < 0) return null;
    return [...this.nv.frac2mm(fraction, 0, true)].slice(0, 3);
  }

  /** Where a place is drawn: one {x, y, slicesOff, axis} for each plane on the screen. */
  pixelsOf(mm) {
    const fraction = this.nv.mm2frac(mm, 0, true);
    const shown = this.nv.frac2mm(fraction, 0, false);
    return this.nv.screenSlices.filter((slice) => slice.axCorSag <= 2).map((slice) => {
      const [right, up] = ACROSS[slice.axCorSag];
      let [left, top, width, height] = slice.leftTopWidthHeight;
      const mirrored = width < 0;
      if (mirrored) [left, width] = [left + width, -width];
      const fx = (shown[right] - slice.leftTopMM[0]) / slice.fovMM[0];
      const fy = (shown[up] - slice.leftTopMM[1]) / slice.fovMM[1];
      const axis = NORMAL[slice.axCorSag];
      const slicesOff = (fraction[axis] - this.nv.scene.crosshairPos[axis]) * this.dimensions[axis];
      return {
        axis, slicesOff, frame: [left, top, width, height],
        x: left + (mirrored ? 1 - fx : fx) * width, y: top + (1 - fy) * height,
      };
    });
  }

  /** Where a place is on the page, in a plane by name: what a person would click at. */
  pagePosition(mm, plane = "axial") {
    this.moveToMm(mm);
    const frame = this.canvas.getBoundingClientRect();
    const found = this.pixelsOf(mm).find((one) => one.axis === NORMAL[PLANES[plane]]);
    const scale = frame.width / this.canvas.width;
    return { x: frame.left + found.x * scale, y: frame.top + found.y * scale };
  }

  zoom(factor) {
    const [x, y, z, old] = this.nv.scene.pan2Dxyzmm;
    this.nv.setPan2Dxyzmm([x, y, z, Math.min(10, Math.max(1, old * factor))]);
  }

  /** Move the picture of a plane by pixels. */
  pan(tile, dx, dy) {
    const slice = this.nv.screenSlices[tile.index];
    const [right, up] = ACROSS[slice.axCorSag];
    const [, , width, height] = slice.leftTopWidthHeight;
    const moved = [...this.nv.scene.pan2Dxyzmm];
    moved[right] += (dx / width) * slice.fovMM[0];
    moved[up] -= (dy / height) * slice.fovMM[1];
    this.nv.setPan2Dxyzmm(moved);
  }

  turn(dx, dy) {
    const { renderAzimuth, renderElevation } = this.nv.scene;
    this.nv.setRenderAzimuthElevation(renderAzimuth - dx * 0.5, renderElevation + dy * 0.5);
  }
}

/** Colour table for label values from 0 (clear) on, of {label, colour, hidden}. */
export function colourTable(objects) {
  const last = Math.max(1, ...objects.map((one) => one.label));
  const table = { R: [], G: [], B: [], A: [], I: [], labels: [] };
  for (let value = 0; value <= last; value++) {
    const found = objects.find((one) => one.label === value);
    const [r, g, b] = found ? channels(found.colour) : [0, 0, 0];
    table.R.push(r);
    table.G.push(g);
    table.B.push(b);
    table.A.push(found && !found.hidden ? 255 : 0);
    table.I.push(value);
    table.labels.push("");
  }
  return table;
}

/** Let NiiVue draw, and load textures, at most once a frame however often it is asked to. */
function drawOnceAFrame(nv, onDrawn) {
  const update = nv.updateGLVolume.bind(nv);
  const draw = nv.drawScene.bind(nv);
  let isWaiting = false;
  let isStale = false;
  const frame = () => {
    if (isStale) update(); // asks for drawing itself, which is done below
    isStale = false;
    isWaiting = false;
    draw();
    onDrawn();
  };
  const later = () => {
    if (!isWaiting) requestAnimationFrame(frame);
    isWaiting = true;
  };
  nv.drawScene = later;
  nv.updateGLVolume = () => {
    isStale = true;
    later();
  };
}

/** Voxels of a gzipped NIfTI-1 file in its stored order, of the type that the viewer holds. */
async function voxelsOf(bytes, ArrayType) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const file = await new Response(stream).arrayBuffer();
  return new ArrayType(file, new DataView(file).getFloat32(108, true)); // vox_offset
}

const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

const decoded = (bytes, options) =>
  globalThis.niivue.NVImage.loadFromUrl({ url: "volume.nii.gz", name: "volume.nii.gz", buffer: bytes, ...options });
