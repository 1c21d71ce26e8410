// The scan on the screen: NiiVue behind the few words that the rest of the page needs.
//
// Everything that leaves here is RAS mm. NiiVue's own voxel indices are flipped to its canonical axes and
// never used for prompts; its mm are true on oblique scans only where isForceSliceMM is passed.

import { PLANES, crosshairWidth, panes } from "./layout.js";
import { shell } from "./outline.js";
import { PatientOnly } from "./patient.js";
import { surfacesOf } from "./surface.js";

const KINDS = { axial: 0, coronal: 1, sagittal: 2, render: 4 }; // NiiVue's numbers of what a tile shows
const CLOSE = 1.2; // how near the scan is in 3-D
const TRANSLUCENT = 0.5; // opacity of the scan in 3-D around the surfaces of masks
const NORMAL = [2, 1, 0]; // of the axial, coronal and sagittal plane: the axis that it cuts
const ACROSS = [[0, 1], [0, 2], [1, 2]]; // axes to the right and up in each plane

export class Viewer {
  /** onDrawn: called after every drawing. onMoved({mm, value}): called when the crosshair moves. */
  constructor(onDrawn, onMoved) {
    const { Niivue } = globalThis.niivue;
    this.nv = new Niivue({
      backColor: [0, 0, 0, 1],
      crosshairColor: [0.35, 0.8, 1, 0.7],
      crosshairWidthUnit: "percent",
      crosshairGap: 6,
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      loadingText: "",
      logLevel: "error",
      show3Dcrosshair: true,
      isOrientationTextVisible: false, // the page letters the margins itself
      sagittalNoseLeft: true,
      meshThicknessOn2D: 0, // surfaces are shown in 3-D only
      meshXRay: 1, // and in front of the scan
    });
    this.labels = null;
    this.truth = null;
    this.outlined = false; // whether masks are drawn as outlines
    this.shown = "all";
    this.panes = [];
    this.crosshairWidth = 0; // per cent of the scan's width
    this.isCrosshairShown = true;
    this.isNew = false; // whether a scan was not drawn yet: NiiVue cannot tell places on it before
    this.drawNow = drawOnceAFrame(this.nv, () => {
      if (this.isNew && !this.isEmpty) this.nv.createOnLocationChange();
      this.isNew = false;
      onDrawn();
    });
    this.patient = new PatientOnly(this.nv);
    showMasksFirst(this.nv, this.patient, () => ({ hasSurfaces: this.nv.meshes.length > 0, hasTruth: this.truth !== null }));
    this.nv.onLocationChange = (told) =>
      onMoved({ mm: [...told.mm].slice(0, 3), value: told.values?.[0]?.value });
  }

  async attach(canvas) {
    await this.nv.attachToCanvas(canvas);
    this.canvas = canvas;
    canvas.tabIndex = -1; // the keyboard belongs to the marks above it
    new ResizeObserver(() => this.#arrange()).observe(canvas);
  }

  /** Lay out the panes for the size of the stage and of the scan. */
  #arrange() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (this.isEmpty || !width || !height) return;
    const { pixDimsRAS } = this.nv.volumes[0];
    const extents = this.dimensions.map((n, axis) => n * pixDimsRAS[axis + 1]);
    this.panes = panes(width, height, extents, this.shown);
    this.nv.setCustomLayout(this.panes.map(({ name, inner: [left, top, across, down] }) => ({
      sliceType: KINDS[name], position: [left / width, top / height, across / width, down / height],
    })));
    this.crosshairWidth = crosshairWidth(this.panes, extents, devicePixelRatio);
    this.setCrosshair(this.isCrosshairShown);
  }

  get isEmpty() {
    return this.nv.volumes.length === 0;
  }

  /** Voxels along R, A, S. */
  get dimensions() {
    return this.nv.volumes[0].dimsRAS.slice(1, 4);
  }

  /** Read a scan for showImage; what is shown stays. */
  readImage(bytes, [low, high]) {
    return decoded(bytes, { cal_min: low, cal_max: high, colormap: "gray" });
  }

  /** Show a scan in the place of the former one, of which nothing stays; patient: see PatientOnly. */
  showImage(image, patient) {
    this.clear();
    this.patient.set(patient);
    this.nv.addVolume(image);
    this.#arrange();
    this.resetView();
    this.nv.scene.volScaleMultiplier = CLOSE;
    this.nv.scene.crosshairPos = [0.5, 0.5, 0.5];
    this.isNew = true;
    this.redraw();
  }

  clear() {
    for (const mesh of [...this.nv.meshes]) this.nv.removeMesh(mesh);
    for (const volume of [...this.nv.volumes].reverse()) this.nv.removeVolume(volume);
    this.labels = this.truth = null;
    this.panes = [];
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
      old.filled = await voxelsOf(bytes, old.img.constructor);
      this.#fill(which);
      this.recolour(which, colours);
    } else {
      const volume = await decoded(bytes, { opacity });
      volume.filled = volume.img;
      this[which] = volume;
      this.#fill(which);
      this[which].setColormapLabel(colours);
      this.nv.addVolume(this[which]);
    }
  }

  /** Make the surfaces of the objects in 3-D anew, of {label, colour, hidden}. */
  showSurfaces(objects) {
    for (const mesh of [...this.nv.meshes]) this.nv.removeMesh(mesh);
    if (!this.labels) return;
    const { NVMesh } = globalThis.niivue;
    const { filled, hdr } = this.labels;
    for (const { label, points, triangles } of surfacesOf(filled, hdr.dims.slice(1, 4), hdr.affine)) {
      const found = objects.find((one) => one.label === label);
      if (!found) continue; // it was removed, or another scan was opened, since the mask came
      const colour = new Uint8Array([...channels(found.colour), 255]);
      this.nv.addMesh(new NVMesh(points, triangles, String(label), colour, 1, !found.hidden, this.nv.gl));
    }
  }

  hideSurfaces(objects) {
    for (const mesh of this.nv.meshes) mesh.visible = !objects.find((one) => String(one.label) === mesh.name)?.hidden;
  }

  /** Draw the masks as outlines, or filled. */
  setOutlined(outlined) {
    this.outlined = outlined;
    if (!this.labels) return;
    this.#fill("labels");
    this.nv.updateGLVolume();
  }

  #fill(which) {
    const volume = this[which];
    const isOutline = which === "labels" && this.outlined;
    volume.img = isOutline ? shell(volume.filled, volume.hdr.dims.slice(1, 4)) : volume.filled;
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
    this.shown = name;
    this.#arrange();
  }

  setCrosshair(isShown) {
    this.isCrosshairShown = isShown;
    this.nv.setCrosshairWidth(isShown ? this.crosshairWidth : 0);
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
    if (this.isEmpty || this.isNew) return null;
    const index = this.nv.tileIndex(x, y);
    if (index < 0) return null;
    const kind = this.nv.screenSlices[index].axCorSag;
    return kind > 2 ? { render: true } : { index, axis: NORMAL[kind] };
  }

  /** RAS mm at a pixel of a plane, or null beyond the scan. */
  millimetres([x, y], tile) {
    this.drawNow(); // NiiVue answers for the slices that it drew last, which may be others by now
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

  /** [left, top, width, height] of the picture of the plane across an axis, in pixels; null if none is drawn. */
  pictureOf(axis) {
    const slice = this.nv.screenSlices.find((one) => one.axCorSag <= 2 && NORMAL[one.axCorSag] === axis);
    if (!slice) return null;
    const [left, top, width, height] = slice.leftTopWidthHeight;
    return width < 0 ? [left + width, top, -width, height] : [left, top, width, height];
  }

  /** Where a place is on the page, in a plane by name: what a person would click at. */
  pagePosition(mm, plane = "axial") {
    this.moveToMm(mm);
    this.drawNow();
    const frame = this.canvas.getBoundingClientRect();
    const found = this.pixelsOf(mm).find((one) => one.axis === NORMAL[PLANES.indexOf(plane)]);
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

/**
 * In 3-D, show the patient only, translucent while masks are shown, and draw masks that have surfaces as surfaces.
 * NiiVue keeps both in uniforms of its shader, which hold for all panes.
 */
function showMasksFirst(nv, patient, shown) {
  const draw = nv.draw3D.bind(nv);
  nv.draw3D = (...where) => {
    const { hasSurfaces, hasTruth } = shown();
    patient.apply();
    if (!nv.volumes.length || !(hasSurfaces || hasTruth)) return draw(...where);
    const { uniforms } = nv.renderShader;
    nv.renderShader.use(nv.gl);
    nv.gl.uniform1f(uniforms.backOpacity, TRANSLUCENT);
    nv.gl.uniform1f(uniforms.overlays, hasTruth ? nv.overlays.length : 0);
    const drawn = draw(...where);
    nv.renderShader.use(nv.gl);
    nv.gl.uniform1f(uniforms.backOpacity, nv.volumes[0].opacity);
    nv.gl.uniform1f(uniforms.overlays, nv.overlays.length);
    return drawn;
  };
}

/**
 * Let NiiVue draw, and load textures, at most once a frame however often it is asked to. Gives a function that
 * draws at once what waits for the next frame.
 */
function drawOnceAFrame(nv, onDrawn) {
  const update = nv.updateGLVolume.bind(nv);
  const draw = nv.drawScene.bind(nv);
  let isWaiting = false;
  let isStale = false;
  const frame = () => {
    if (!isWaiting) return;
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
  return frame;
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
