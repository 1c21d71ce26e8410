// The keyboard: keys of the whole page, and single keys over the scan. The help dialog lists them.

import { showHelp } from "./dialogs.js";

const TOOLS = { p: "point", x: "box", b: "brush", l: "lasso", v: "navigate" };
const SIZES = { "[": -1, ",": -1, "]": 1, ".": 1 };
const NOT_TEXT = ["radio", "checkbox", "range", "file", "button", "submit"];
const byId = (id) => document.getElementById(id);

/** Whether keys belong to a field in which a person writes or chooses. */
export function isEditable(target) {
  if (target.matches("textarea, select") || target.isContentEditable) return true;
  return target.matches("input") && !NOT_TEXT.includes(target.type);
}

export function listenToKeys(workbench) {
  document.addEventListener("keydown", (event) => {
    if (isEditable(event.target) || event.target.closest("dialog[open]")) return;
    if (pageKey(event, workbench)) event.preventDefault();
  });
}

/** Keys that hold wherever the focus is; true if the key was of use. */
function pageKey(event, workbench) {
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && event.key.toLowerCase() === "z") {
    if (event.shiftKey) workbench.redo();
    else workbench.undo();
  } else if (isCommand) return false;
  else if (event.key === "?") showHelp();
  else if (event.key === "Escape") return workbench.cancel();
  else if (event.key in SIZES) workbench.resize(workbench.active, SIZES[event.key]);
  else return false;
  return true;
}

/** Single keys over the scan; true if the key was of use. */
export function scanKey(key, workbench, viewer) {
  const lower = key.toLowerCase();
  if (lower in TOOLS) byId(`tool-${TOOLS[lower]}`).click();
  else if (lower === "n") workbench.startObject();
  else if (lower === "h") workbench.hide(workbench.active);
  else if (lower === "r") viewer.resetView();
  else if (lower === "c") byId("crosshair").click();
  else if (key === "Delete" && workbench.objects.some((one) => one.label === workbench.active)) workbench.discard(workbench.active);
  else return false;
  return true;
}
