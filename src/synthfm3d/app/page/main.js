// The page, put together.

import { getJson, logInFromAddress } from "./api.js";
import { showHelp } from "./dialogs.js";
import { Display } from "./display.js";
import { Improving } from "./improving.js";
import { listenToKeys, scanKey } from "./keys.js";
import { Marks } from "./marks.js";
import { listObjects, make } from "./objects.js";
import { Opening } from "./opening.js";
import { Playground } from "./playground.js";
import { isSynthetic, KINDS, Scans } from "./scans.js";
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
const scans = new Scans(workbench, resume);
const opening = new Opening(scans, resume);
const improving = new Improving(workbench, scans);
const lastOf = { segment: null, playground: null }; // identifiers of what each tab shows
let playground;

async function resume(details) {
  const tab = isSynthetic(details) ? "playground" : "segment";
  lastOf[tab] = details.id;
  await chooseTab(tab, false);
  await workbench.reload(details.id);
}

function showPosition({ mm, value }) {
  const [r, a, s] = mm.map((one) => one.toFixed(1));
  const grey = value === undefined ? "" : `, value ${Number(value.toPrecision(5))}`;
  byId("position").textContent = `R ${r}, A ${a}, S ${s} mm${grey}`;
  display?.showSlices();
}

// ---------------------------------------------------------------- what changed

workbench.addEventListener("change", ({ detail }) => {
  if (detail === "scan") showScan();
  Object.assign(marks, {
    objects: workbench.objects, pending: workbench.pending, active: workbench.active,
    preview: workbench.preview, isTime: workbench.scan?.third_axis === "time",
  });
  if (detail !== "marks") showObjects();
});

function showScan() {
  const { scan } = workbench;
  byId("empty").hidden = scan !== null;
  byId("scan-name").textContent = scan?.name ?? "No scan is open";
  byId("scan-facts").textContent = scan ? facts(scan) : "";
  byId("scan-settings").hidden = !scan;
  byId("scan-warnings").replaceChildren(...(scan?.warnings ?? []).map((text) => make("li", { textContent: text })));
  if (!scan) byId("position").textContent = "";
  offerLabels(scan);
  if (!scan) return;
  byId("modality").value = scan.modality ?? "unknown";
  byId("model").value = scan.model;
  display.reset();
}

function facts(scan) {
  const size = [...scan.shape].reverse().join(" × ");
  const spacing = [...scan.spacing_mm].reverse().map((mm) => mm.toFixed(2)).join(" × ");
  return scan.third_axis === "time" ? `${size} (frames last)` : `${size} voxels, ${spacing} mm`;
}

/** A label map that was opened as a scan can become the objects of a scan that is open, too. */
function offerLabels(scan) {
  byId("label-map").hidden = !scan?.looks_like_labels;
  if (!scan?.looks_like_labels) return;
  const fitting = scans.open.filter((one) => one.id !== scan.id && String(one.shape) === String(scan.shape) && !one.looks_like_labels);
  byId("label-map-text").textContent = fitting.length
    ? "This looks like a label map, not a scan. Its labels can become objects of the scan that they belong to."
    : "This looks like a label map, not a scan. Open the scan that it belongs to first.";
  byId("label-map-scans").replaceChildren(...fitting.map((one) => {
    const button = make("button", { type: "button", textContent: `Show on ${one.name}` });
    button.addEventListener("click", async () => {
      await resume(one);
      await workbench.takeLabels(scan.id);
      await workbench.close(scan.id);
    });
    return button;
  }));
}

function showObjects() {
  const { scan } = workbench;
  const hasObjects = Boolean(scan?.objects.length);
  listObjects(byId("objects"), workbench);
  byId("undo").disabled = !scan?.can_undo;
  byId("redo").disabled = !scan?.can_redo;
  byId("reset").disabled = !hasObjects;
  byId("simulate").disabled = !scan;
  byId("load-session").disabled = !scan;
  byId("too-much").hidden = !workbench.objects.some((one) => one.label === workbench.active && one.voxels > 0);
  const files = { download: "labels.nii.gz", "download-dicom": "labels.dcm", "save-session": "session.zip", "save-prompts": "prompts.json" };
  for (const [id, file] of Object.entries(files)) link(byId(id), scan && `${workbench.path}/${file}`, hasObjects);
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
  byId("outlined").value = name === "playground" ? "outline" : "filled"; // so that the truth is seen below
  workbench.setOutlined(name === "playground");
  if (!showsLast) return;
  if (workbench.scan) lastOf[isSynthetic(workbench.scan) ? "playground" : "segment"] = workbench.scan.id;
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

// ---------------------------------------------------------------- buttons

byId("undo").addEventListener("click", () => workbench.undo());
byId("redo").addEventListener("click", () => workbench.redo());
byId("reset").addEventListener("click", () => workbench.reset());
byId("new-object").addEventListener("click", () => workbench.startObject());
byId("cancel").addEventListener("click", () => workbench.cancel());
byId("load-session").addEventListener("click", () => byId("session-file").click());
byId("session-file").addEventListener("change", (event) => {
  if (event.target.files.length) workbench.loadSession(event.target.files[0]);
  event.target.value = "";
});
byId("modality").addEventListener("change", (event) => workbench.change({ modality: event.target.value }));
byId("model").addEventListener("change", (event) => workbench.change({ model: event.target.value }));
byId("help").addEventListener("click", showHelp);
byId("theme").addEventListener("click", () => {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const { dataset } = document.documentElement;
  dataset.theme = (dataset.theme ?? (isDark ? "dark" : "light")) === "dark" ? "light" : "dark";
});
listenToKeys(workbench);

// ---------------------------------------------------------------- start

async function start() {
  await viewer.attach(byId("viewer"));
  new Tools(byId("marks"), viewer, marks, workbench, {
    onWindow: (dx, dy) => display.dragWindow(dx, dy),
    onKey: (key) => scanKey(key, workbench, viewer),
  });
  showObjects();
  await logInFromAddress();
  await scans.refresh();
  const files = await getJson("api/files");
  await improving.begin();
  byId("modality").append(...Object.entries(KINDS).map(([value, textContent]) => make("option", { value, textContent })));
  playground = new Playground(workbench);
  if (scans.last) await workbench.show(scans.last);
  else if (files.scans.length) await opening.openSource({ scan: files.scans[0].scan });
  if (!workbench.scan) showScan();
  // What is asked of NiiVue about a scan that it has not drawn yet, it answers with an error.
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  document.documentElement.dataset.ready = "yes";
}

globalThis.synthfm3d = { viewer, workbench, scans };
start().catch((error) => say(error.message, true));
