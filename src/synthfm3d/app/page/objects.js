// The list of objects: name, colour, size, hide, delete, and the agreement with a drawn truth.

import { amount, bySize, otherSize } from "./workbench.js";

export function listObjects(list, workbench) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  list.replaceChildren(...workbench.objects.map((object) => row(object, workbench)));
  if (!workbench.objects.some((one) => one.label === workbench.active)) list.append(waiting(workbench));
  if (focused) list.querySelector(`[data-key="${focused}"]`)?.focus();
}

function row(object, workbench) {
  const item = make("li", { className: object.label === workbench.active ? "active" : "" });
  item.addEventListener("click", () => object.label !== workbench.active && workbench.choose(object.label));
  const swatch = make("i", { className: "swatch" });
  swatch.style.background = object.colour;
  const eye = button("", `${object.hidden ? "Show" : "Hide"} ${object.name}`, () => workbench.hide(object.label));
  eye.className = "eye";
  eye.title = object.hidden ? "Show" : "Hide";
  eye.setAttribute("aria-pressed", String(object.hidden));
  eye.dataset.key = `hide-${object.label}`;
  const name = make("input", { type: "text", value: object.name, maxLength: 64, ariaLabel: `Name of object ${object.label}` });
  name.dataset.key = `name-${object.label}`;
  name.addEventListener("change", () => workbench.rename(object.label, name.value));
  const remove = button("✕", `Delete ${object.name}`, () => workbench.discard(object.label));
  const line = make("div", { className: "object" });
  line.append(swatch, name, make("span", { className: "amount", textContent: amount(object) }), eye, remove);
  item.append(line);
  if (object.dice !== null) {
    item.append(told(`Dice ${object.dice.toFixed(3)} with the drawn ${object.structure}`));
  }
  if (object.alternatives.length > 1) item.append(sizes(object, workbench));
  for (const sentence of object.warnings) item.append(told(sentence, true));
  return item;
}

/** Steps through the answers to a click, by their size. */
function sizes(object, workbench) {
  const line = make("div", { className: "sizes" });
  const step = (text, key, direction) => {
    const made = button(text, `${text} answer for ${object.name}`, () => workbench.resize(object.label, direction));
    made.disabled = !otherSize(object, direction);
    made.dataset.key = `${key}-${object.label}`;
    return made;
  };
  const chosen = object.alternatives.find((one) => one.chosen);
  const expected = chosen.predicted_dice === null ? "" : `, expected Dice ${chosen.predicted_dice.toFixed(2)}`;
  const text = `${bySize(object).indexOf(chosen) + 1} of ${object.alternatives.length}${expected}`;
  const answer = told(text);
  if (expected) answer.title = "The model's own estimate of how well this answer fits: Dice is 1 for a perfect mask, 0 for a miss";
  line.append(step("Smaller", "smaller", -1), answer, step("Larger", "larger", 1));
  return line;
}

/** The place of an object that has no prompt yet. */
function waiting(workbench) {
  const item = make("li", { className: "active" });
  const text = workbench.objects.length ? "New object: click inside it" : "Click inside an organ, or drag a box around it";
  item.append(told(workbench.scan ? text : "Open a scan first"));
  return item;
}

const told = (textContent, isWarning = false) =>
  make("p", { textContent, className: isWarning ? "told warn" : "told" });

export function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

export function button(text, label, onClick) {
  const made = make("button", { type: "button", textContent: text });
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", (event) => {
    event.stopPropagation();
    onClick();
  });
  return made;
}
