// Dialogs: the list of keys, and questions that a person must answer before something is lost.

const dialog = document.getElementById("question");

/** Show the list of keys from its beginning; the browser scrolls to the button at its end. */
export function showHelp() {
  const dialog = document.getElementById("help-dialog");
  dialog.showModal();
  dialog.scrollTop = 0;
}

/** Ask; answers are [value, text] with the safest last. Gives the value, or null if the dialog was dismissed. */
export function ask(question, answers) {
  document.getElementById("question-text").textContent = question;
  const row = document.getElementById("question-answers");
  return new Promise((resolve) => {
    row.replaceChildren(...answers.map(([value, text], n) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      if (n === answers.length - 1) button.className = "main";
      button.addEventListener("click", () => {
        dialog.close();
        resolve(value);
      });
      return button;
    }));
    dialog.onclose = () => resolve(null); // a second call of resolve does nothing
    dialog.showModal();
    row.lastElementChild.focus();
  });
}
