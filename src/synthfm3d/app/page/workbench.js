// What is open and what was done with it: the page's copy of the server's session, kept in step.

import { call, getBytes, getJson, patchJson, postJson, putFile, remove } from "./api.js";
import { pictureOf, watchPreviews } from "./preview.js";
import { during, say } from "./status.js";
import { colourTable } from "./viewer.js";

export class Workbench extends EventTarget {
  constructor(viewer) {
    super();
    this.viewer = viewer;
    this.scan = null;
    this.wish = null; // the latest wish to show a scan
    this.active = 1;
    this.hidden = new Set();
    this.pending = []; // prompts that the model has not answered yet
    this.opacity = 0.5;
    this.truthShown = true;
    this.line = Promise.resolve();
    this.waiting = 0; // changes that are asked for and not done
    this.preview = null; // the mask on one slice of what is being segmented
    this.round = 0; // grows when a person cancels what waits
  }

  get path() {
    return `api/scans/${this.scan.id}`;
  }

  get objects() {
    return (this.scan?.objects ?? []).map((one) => ({ ...one, hidden: this.hidden.has(one.label) }));
  }

  get activeColour() {
    const { palette } = this.scan;
    return palette[(this.active - 1) % palette.length];
  }

  // ---------------------------------------------------------------- a scan on the screen

  /**
   * Show an open scan, whose details the server gave; image first, then what was found in it. Until the image is
   * read, the former scan is shown and takes the clicks.
   */
  async show(scan) {
    const wish = (this.wish = Symbol("scan"));
    await during("Loading", async () => {
      const bytes = await getBytes(`api/scans/${scan.id}/image.nii.gz?stack=true`);
      const image = await this.viewer.readImage(bytes, scan.display);
      const { mask: patient } = await getJson(`api/scans/${scan.id}/patient`);
      if (wish !== this.wish) return; // another scan was asked for in the meantime
      this.#forget();
      this.scan = scan;
      this.active = scan.objects.at(-1)?.label ?? 1;
      this.viewer.showImage(image, patient);
      await this.#showTruth();
      await this.#showLabels();
      if (wish !== this.wish) return;
      this.#changed("scan");
      say(`${scan.name} is open. ${scan.looks_like_labels ? "" : "Click on what you want to segment."}`);
    });
  }

  clear() {
    this.wish = null;
    this.#forget();
    this.viewer.clear();
    this.#changed("scan");
  }

  /** Nothing of a former scan may be drawn over the next one. */
  #forget() {
    this.scan = null;
    this.hidden.clear();
    this.pending = [];
    this.#changed("marks");
  }

  async reload(id) {
    await this.show(await getJson(`api/scans/${id}`));
  }

  async #showTruth() {
    if (!Object.keys(this.scan.structures).length) return;
    const { scan } = this;
    const bytes = this.truthShown ? await getBytes(`${this.path}/truth.nii.gz`) : null;
    if (this.scan !== scan) return;
    await this.viewer.showOverlay("truth", bytes, colourTable(this.structures), 0.35);
  }

  async showTruth(shown) {
    this.truthShown = shown;
    if (this.scan) await during("Loading", () => this.#showTruth());
  }

  /** Structures of a synthetic volume with the colours in which its truth is shown. */
  get structures() {
    return Object.entries(this.scan?.structures ?? {}).map(([label, name], place) => ({
      label: Number(label), name, colour: hueColour(place),
    }));
  }

  async #showLabels() {
    const { scan } = this;
    const bytes = this.objects.length ? await getBytes(`${this.path}/labels.nii.gz?stack=true`) : null;
    if (this.scan !== scan) return;
    await this.viewer.showOverlay("labels", bytes, colourTable(this.objects), this.opacity);
    setTimeout(() => this.viewer.showSurfaces(this.objects)); // once the planes show the mask
  }

  setOutlined(outlined) {
    this.viewer.setOutlined(outlined);
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.viewer.setOpacity("labels", opacity);
  }

  // ---------------------------------------------------------------- changes

  /** Add prompts to the active object. */
  prompt(prompts) {
    const label = this.active;
    const marks = prompts.map((one) => ({ ...one, label, colour: this.activeColour }));
    this.pending.push(...marks);
    this.#changed("marks");
    return this.#change("Segmenting", () => this.#previewed(postJson(`${this.path}/prompts`, { label, prompts })), () => {
      this.pending = this.pending.filter((one) => !marks.includes(one));
    });
  }

  /** The answer to a prompt; until it comes, the mask on the clicked slice is shown as far as it is known. */
  #previewed(answer) {
    const colour = this.activeColour;
    watchPreviews(this.path, answer.catch(() => {}), (preview) => {
      this.preview = { affine: preview.affine, picture: pictureOf(preview, colour) };
      this.#changed("marks");
    });
    return answer;
  }

  /** Stop what the model is at, and forget what waits for it; true if there was something. */
  cancel() {
    if (!this.waiting || !this.scan) return false;
    this.round += 1;
    postJson(`${this.path}/cancel`).catch(() => {}); // it may be done by now
    return true;
  }

  /** Take another model for this scan, or say what the scan is; the objects stay. */
  change(wish) {
    return this.#change(wish.model ? "Loading the model" : "Changing", () => patchJson(this.path, wish), () => this.#changed("scan"));
  }

  /** Restore the objects of a session or prompts file. */
  loadSession(file) {
    return this.#change("Loading", () => putFile(`${this.path}/session`, file));
  }

  /** Take the labels of another open scan, which is a label map, as objects. */
  takeLabels(id) {
    return this.#change("Loading", () => postJson(`${this.path}/labels/${id}`));
  }

  undo() {
    return this.scan?.can_undo && this.#change("Undoing", () => postJson(`${this.path}/undo`));
  }

  redo() {
    return this.scan?.can_redo && this.#change("Redoing", () => postJson(`${this.path}/redo`));
  }

  reset() {
    return this.#change("Clearing", () => postJson(`${this.path}/reset`));
  }

  /** Take the next smaller (-1) or larger (1) answer to the clicks on an object, if there is one. */
  resize(label, direction) {
    const find = () => this.objects.find((one) => one.label === label);
    if (!find()?.alternatives.length) return undefined;
    return this.#change("Resizing", async () => {
      const object = find();
      const other = object && otherSize(object, direction);
      if (!other) return this.scan;
      const position = object.alternatives.indexOf(other);
      return postJson(`${this.path}/objects/${label}/alternative`, { position });
    });
  }

  discard(label) {
    return this.#change("Removing", async () => (await remove(`${this.path}/objects/${label}`)).json());
  }

  rename(label, name) {
    return this.#change("Naming", () => patchJson(`${this.path}/objects/${label}`, { name }), undefined, false);
  }

  simulate() {
    return this.#change("Segmenting", () => postJson(`${this.path}/simulated-click`), (state) => {
      if (!state) return;
      const made = state.objects.find((one) => !this.objectsBefore.has(one.label));
      this.active = made.label;
      this.viewer.moveToMm(made.prompts[0].position_mm);
    });
  }

  async close(id) {
    await call("DELETE", `api/scans/${id}`).catch(() => {}); // it may have been idle for too long
    this.#changed("closed");
  }

  startObject() {
    const used = new Set(this.objects.map((one) => one.label));
    this.active = 1;
    while (used.has(this.active)) this.active += 1;
    this.#changed("objects");
  }

  choose(label) {
    this.active = label;
    this.#changed("objects");
  }

  hide(label) {
    if (!this.hidden.delete(label)) this.hidden.add(label);
    this.viewer.recolour("labels", colourTable(this.objects));
    this.viewer.hideSurfaces(this.objects);
    this.#changed("objects");
  }

  /** One change after the other, in the order in which they were asked for. */
  #change(what, ask, after = () => {}, newMask = true) {
    const { id } = this.scan;
    const { round } = this;
    this.waiting += 1;
    const done = this.line.then(() => during(what, async () => {
      if (this.scan?.id !== id || round !== this.round) return void after();
      let state;
      this.objectsBefore = new Set(this.scan.objects.map((one) => one.label));
      try {
        const start = performance.now();
        state = await ask();
        if (this.scan?.id !== id) return;
        Object.assign(this.scan, state);
        after(state);
        if (!newMask) return;
        await this.#showLabels();
        this.#tell(performance.now() - start);
      } finally {
        if (!state) after();
        this.preview = null;
        this.#changed("objects");
      }
    })).finally(() => (this.waiting -= 1));
    this.line = done;
    return done;
  }

  #tell(milliseconds) {
    const active = this.objects.find((one) => one.label === this.active);
    const size = active ? `${active.name}: ${amount(active)}. ` : "";
    say(`${size}${(milliseconds / 1000).toFixed(2)} s`);
  }

  #changed(what) {
    this.dispatchEvent(new CustomEvent("change", { detail: what }));
    if (!this.viewer.isEmpty) this.viewer.redraw();
  }
}

/** The answers to the clicks on an object, the smallest first. */
export function bySize(object) {
  return [...object.alternatives].sort((one, other) => one.diameter_mm - other.diameter_mm);
}

/** The next smaller (-1) or larger (1) answer than the chosen one; undefined if there is none. */
export function otherSize(object, direction) {
  const sizes = bySize(object);
  const place = sizes.findIndex((one) => one.chosen);
  return place < 0 ? undefined : sizes[place + direction];
}

/** Size of an object for a person. */
export function amount(object) {
  if (object.volume_ml === null) return `${object.voxels} pixels`;
  const ml = object.volume_ml;
  if (ml > 0 && ml < 0.1) return `${ml.toPrecision(2)} ml`;
  return `${ml.toFixed(ml < 10 ? 2 : 1)} ml`;
}

/** Colours far apart for neighbouring places, by the golden angle. */
function hueColour(place) {
  const hue = (40 + place * 137.508) % 360;
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    const value = 0.6 - 0.36 * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
