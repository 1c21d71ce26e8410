// The line at the bottom, which screen readers read out, and the sign that something is at work.

const line = document.getElementById("status");
const box = document.getElementById("working");
const text = document.getElementById("working-text");
const CANCELLED = 409;
let running = 0;

export function say(message, isError = false) {
  line.textContent = message;
  line.classList.toggle("error", isError);
}

/**
 * Show that something is at work until it is done, with the seconds. A failure is told here and to onError, and
 * gives undefined.
 */
export async function during(what, work, onError = () => {}) {
  const start = performance.now();
  const show = () => {
    text.textContent = `${what} ${((performance.now() - start) / 1000).toFixed(1)} s`;
  };
  running += 1;
  box.hidden = false;
  show();
  const timer = setInterval(show, 200);
  try {
    return await work();
  } catch (error) {
    say(error.message, error.status !== CANCELLED);
    onError(error);
    return undefined;
  } finally {
    clearInterval(timer);
    running -= 1;
    box.hidden = running === 0;
  }
}
