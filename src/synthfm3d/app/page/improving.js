// Improve the model with the masks of the open scans: start it, follow it in the background, choose the result.

import { getJson, postJson, remove } from "./api.js";
import { button, make } from "./objects.js";
import { isSynthetic, KINDS } from "./scans.js";
import { say } from "./status.js";

const OFTEN = 1500; // ms between questions about adaptations under way
const byId = (id) => document.getElementById(id);

export class Improving {
  constructor(workbench, scans) {
    Object.assign(this, { workbench, scans, known: [] });
    byId("improve").addEventListener("click", () => this.#ask());
    byId("improve-close").addEventListener("click", () => byId("improve-dialog").close());
    byId("improve-same").addEventListener("change", () => this.#count());
    byId("improve-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    workbench.addEventListener("change", ({ detail }) => detail !== "marks" && this.#offer());
  }

  /** List the models, and follow what was started before the page was loaded. */
  async begin() {
    await this.#listModels();
    byId("improve").hidden = !this.canAdapt;
    if (this.canAdapt) await this.#follow();
  }

  async #listModels() {
    const { names, can_adapt: canAdapt } = await getJson("api/models");
    this.canAdapt = canAdapt;
    const chosen = byId("model").value;
    byId("model").replaceChildren(...names.map((name) => make("option", { textContent: name, value: name })));
    byId("model").value = this.workbench.scan?.model ?? chosen;
  }

  /** Scans whose masks are learnt from: those with objects, without synthetic ones. */
  get #examples() {
    return this.scans.open.filter((one) => !isSynthetic(one) && masksOf(one).length);
  }

  /** The examples, or those of the shown scan's kind if the visitor wants no others. */
  get #chosen() {
    const sameOnly = byId("improve-same").checked;
    return this.#examples.filter((one) => !sameOnly || kindOf(one) === kindOf(this.workbench.scan));
  }

  #offer() {
    const { scan } = this.workbench;
    byId("improve").disabled = !scan || isSynthetic(scan) || !masksOf(scan).length;
  }

  #ask() {
    const kinds = [...new Set(this.#examples.map(kindOf))];
    byId("improve-kinds").hidden = kinds.length < 2;
    byId("improve-kinds-text").textContent = `The open scans are of different kinds: ${kinds.join(", ")}.`;
    byId("improve-same-text").textContent = `Learn only from scans of this kind: ${kindOf(this.workbench.scan)}`;
    byId("improve-same").checked = true;
    this.#count();
    byId("improve-error").textContent = "";
    byId("improve-dialog").showModal();
    byId("improve-name").focus();
  }

  #count() {
    const masks = this.#chosen.flatMap(masksOf).length;
    byId("improve-count").textContent = `${amount(masks, "mask")} on ${amount(this.#chosen.length, "open scan")}`;
  }

  async #start() {
    const wish = {
      scans: this.#chosen.map(({ id }) => id), name: byId("improve-name").value,
      start: this.workbench.scan.model, minutes: Number(byId("improve-minutes").value),
    };
    try {
      await postJson("api/adaptations", wish);
    } catch (error) {
      byId("improve-error").textContent = error.message;
      return;
    }
    byId("improve-dialog").close();
    byId("improve-name").value = "";
    await this.#follow();
  }

  /** Show what is under way until all of it is over. */
  async #follow() {
    clearTimeout(this.timer);
    const before = new Map(this.known.map((one) => [one.id, one.state]));
    this.known = await getJson("api/adaptations").catch(() => this.known);
    const ended = this.known.filter((one) => isOver(one) && before.has(one.id) && before.get(one.id) !== one.state);
    if (ended.some(({ state }) => state === "better")) await this.#listModels();
    for (const one of ended) say(told(one), one.state === "failed");
    this.#show();
    if (!this.known.every(isOver)) this.timer = setTimeout(() => this.#follow(), OFTEN);
  }

  #show() {
    const list = byId("adaptations");
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    list.replaceChildren(...this.known.map((one) => this.#row(one)));
    if (focused) list.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  #row(one) {
    const row = make("li");
    row.append(make("p", { textContent: told(one), className: one.state === "failed" ? "error" : "" }));
    if (one.state === "running") {
      const bar = make("progress", { max: one.steps || 1, ariaLabel: `Progress of ${one.model}` });
      if (one.steps) bar.value = one.step;
      row.append(bar);
    }
    const buttons = make("div", { className: "row" });
    if (one.state === "better") buttons.append(this.#button(one, "Use it", () => this.workbench.change({ model: one.model })));
    buttons.append(this.#button(one, isOver(one) ? "Dismiss" : "Cancel", () => this.#remove(one)));
    row.append(buttons);
    return row;
  }

  #button(one, text, onClick) {
    const made = button(text, `${text}: ${one.model}`, onClick);
    made.dataset.key = `${text}-${one.id}`;
    return made;
  }

  async #remove(one) {
    await remove(`api/adaptations/${one.id}`).catch((error) => say(error.message, true));
    await this.#follow();
  }
}

const masksOf = ({ objects }) => objects.filter(({ voxels }) => voxels > 0);
const kindOf = ({ modality }) => KINDS[modality ?? "unknown"];
const isOver = ({ state }) => state !== "waiting" && state !== "running";
const amount = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

/** An adaptation in one or two sentences. */
function told({ model, state, step, steps, before, after, error }) {
  const isKnown = before !== null && after !== null;
  const dice = isKnown ? ` Dice on the held-back masks: ${before.toFixed(2)} before, ${after.toFixed(2)} after.` : "";
  if (state === "waiting") return `${model} waits until another model is finished.`;
  if (state === "running") return `${model}: ${steps ? `step ${step} of ${steps}` : "getting ready"}.${dice}`;
  if (state === "better") return `${model} is better. You can choose it as the model.${dice}`;
  if (state === "not better") return `${model} was not better and was not kept.${dice} Correct more masks, or allow more minutes.`;
  if (state === "cancelled") return `${model} was cancelled.`;
  return `${model} failed: ${error}`;
}
