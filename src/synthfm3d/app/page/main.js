// The page, put together.

import { getJson, logInFromAddress } from "./api.js";
import { Display } from "./display.js";
import { Marks } from "./marks.js";
import { listObjects, make } from "./objects.js";
import { Opening } from "./opening.js";
import { Playground } from "./playground.js";
import { say } from "./status.js";
import { Tools } from "./tools.js";
import { Viewer } from "./viewer.js";
import { Workbench } from "./workbench.js";

const byId = (id) => document.getElementById(id);
const TABS = ["segment", "playground"];

let marks;
let display;
const viewer = new Viewer(() => marks?.draw(), showPosition);
const workbench = new Workbench(viewer);
marks = new Marks(byId("marks"), viewer);
display = new Display(viewer, workbench);
const opening = new Opening(async (details) => {
  lastOf.segment = details.id;
  await chooseTab("segment", false);
  await workbench.show(details);
});
const lastOf = { segment: null, playground: null }; // identifiers of what each tab shows
let playground;

function showPosition({ mm, value }) {
  const [r, a, s] = mm.map((one) => one.toFixed(1));
  const grey = value === undefined ? "" : `, value ${Number(value.toPrecision(5))}`;
  byId("position").textContent = `R ${r}, A ${a}, S ${s} mm${grey}`;
  display?.showSlices();
}

// ---------------------------------------------------------------- what changed

workbench.addEventListener("change", ({ detail }) => {
  if (detail === "scan") showScan();
  Object.assign(marks, { objects: workbench.objects, pending: workbench.pending, active: workbench.active });
  if (detail !== "marks") showObjects();
});

function showScan() {
  const { scan } = workbench;
  byId("empty").hidden = scan !== null;
  byId("scan-name").textContent = scan?.name ?? "No scan is open";
  byId("scan-facts").textContent = scan ? facts(scan) : "";
  byId("scan-warnings").replaceChildren(...(scan?.warnings ?? []).map((text) => make("li", { textContent: text })));
  if (scan) display.reset();
}

function facts(scan) {
  const kind = { ct: "CT", mr: "MR", us: "Ultrasound" }[scan.modality] ?? "Unknown modality";
  const size = [...scan.shape].reverse().join(" × ");
  const spacing = [...scan.spacing_mm].reverse().map((mm) => mm.toFixed(2)).join(" × ");
  return scan.third_axis === "time" ? `${kind}, ${size} (frames last)` : `${kind}, ${size}, ${spacing} mm`;
}

function showObjects() {
  const { scan } = workbench;
  listObjects(byId("objects"), workbench);
  byId("undo").disabled = !scan?.can_undo;
  byId("redo").disabled = !scan?.can_redo;
  byId("reset").disabled = !scan?.objects.length;
  byId("simulate").disabled = !scan;
  link(byId("download"), scan && `${workbench.path}/labels.nii.gz`, Boolean(scan?.objects.length));
  link(byId("download-dicom"), scan && `${workbench.path}/labels.dcm`, Boolean(scan?.objects.length));
  byId("download-dicom").hidden = !scan?.dicom;
}

function link(anchor, address, isUsable) {
  anchor.setAttribute("aria-disabled", String(!isUsable));
  if (isUsable) anchor.href = address;
  else anchor.removeAttribute("href");
}

// ---------------------------------------------------------------- tabs

async function chooseTab(name, showsLast = true) {
  for (const tab of TABS) {
    byId(`tab-${tab}`).setAttribute("aria-selected", String(tab === name));
    byId(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
  }
  byId("panel").setAttribute("aria-labelledby", `tab-${name}`);
  byId("open-section").hidden = name !== "segment";
  byId("playground-section").hidden = name !== "playground";
  if (!showsLast) return;
  if (workbench.scan) lastOf[Object.keys(workbench.scan.structures).length ? "playground" : "segment"] = workbench.scan.id;
  if (name === "playground" && !playground.drawn) await playground.ready.then(() => playground.draw());
  else if (lastOf[name]) await workbench.reload(lastOf[name]).catch(() => workbench.clear());
  else workbench.clear();
}

for (const [n, tab] of TABS.entries()) {
  byId(`tab-${tab}`).addEventListener("click", () => chooseTab(tab));
  byId(`tab-${tab}`).addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    byId(`tab-${TABS[1 - n]}`).focus();
    chooseTab(TABS[1 - n]);
  });
}
byId("empty-playground").addEventListener("click", () => chooseTab("playground"));

// ---------------------------------------------------------------- buttons and keys

byId("undo").addEventListener("click", () => workbench.undo());
byId("redo").addEventListener("click", () => workbench.redo());
byId("reset").addEventListener("click", () => workbench.reset());
byId("new-object").addEventListener("click", () => workbench.startObject());
byId("help").addEventListener("click", () => byId("help-dialog").showModal());
byId("theme").addEventListener("click", () => {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const { dataset } = document.documentElement;
  dataset.theme = (dataset.theme ?? (isDark ? "dark" : "light")) === "dark" ? "light" : "dark";
});

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.matches("input[type=text]")) return;
  event.preventDefault();
  if (event.shiftKey) workbench.redo();
  else workbench.undo();
});

const SIZE_KEYS = { "[": -1, ",": -1, "]": 1, ".": 1 };
document.addEventListener("keydown", (event) => {
  if (!(event.key in SIZE_KEYS) || event.ctrlKey || event.metaKey || event.target.matches("input:not([type=radio])")) return;
  event.preventDefault();
  workbench.resize(workbench.active, SIZE_KEYS[event.key]);
});

/** Single keys over the scan; true if the key was of use. */
function shortcut(key) {
  const tools = { c: "click", b: "brush", l: "look" };
  const lower = key.toLowerCase();
  if (lower in tools) document.querySelector(`input[name=tool][value=${tools[lower]}]`).checked = true;
  else if (lower === "n") workbench.startObject();
  else if (lower === "h") workbench.hide(workbench.active);
  else if (lower === "r") viewer.resetView();
  else if (key === "Delete" && workbench.objects.some((one) => one.label === workbench.active)) workbench.discard(workbench.active);
  else return false;
  return true;
}

// ---------------------------------------------------------------- start

async function start() {
  await viewer.attach(byId("viewer"));
  new Tools(byId("marks"), viewer, marks, workbench, {
    onWindow: (dx, dy) => display.dragWindow(dx, dy),
    onKey: shortcut,
  });
  showObjects();
  await logInFromAddress();
  const [open, files] = [await getJson("api/scans"), await getJson("api/files")];
  playground = new Playground(workbench);
  const scans = open.filter((one) => !Object.keys(one.structures).length);
  if (scans.length) await workbench.show(scans.at(-1));
  else if (files.scans.length) await opening.openNamed(files.scans[0].scan);
  else showScan();
  // What is asked of NiiVue about a scan that it has not drawn yet, it answers with an error.
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  document.documentElement.dataset.ready = "yes";
}

globalThis.synthfm3d = { viewer, workbench };
start().catch((error) => say(error.message, true));
