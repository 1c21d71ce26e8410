// The server's REST interface; every failure is an Error whose message a person can read.

/** Answer of one call; asks for the token once if the server wants it. */
export async function call(method, path, body, headers = {}) {
  const answer = await answered(method, path, body, headers);
  if (answer.status !== 401 || path === "api/login") return checked(answer);
  await askForToken();
  return checked(await answered(method, path, body, headers));
}

export const getJson = async (path) => (await call("GET", path)).json();
export const getBytes = async (path) => (await call("GET", path)).arrayBuffer();
export const postJson = async (path, body = {}) =>
  (await call("POST", path, JSON.stringify(body), { "Content-Type": "application/json" })).json();
export const patchJson = async (path, body) =>
  (await call("PATCH", path, JSON.stringify(body), { "Content-Type": "application/json" })).json();
export const putFile = async (path, body) =>
  (await call("PUT", path, body, { "Content-Type": "application/octet-stream" })).json();
export const remove = (path) => call("DELETE", path);

/** Open a file of the visitor's machine; choices say what the file leaves open, such as the frame. */
export async function upload(file, choices = {}) {
  const headers = { "X-File-Name": encodeURIComponent(file.name), "Content-Type": "application/octet-stream" };
  return (await call("POST", `api/uploads?${new URLSearchParams(choices)}`, file, headers)).json();
}

/** Exchange a token that came behind the number sign of the address for a cookie, and forget it. */
export async function logInFromAddress() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname);
  await logIn(decodeURIComponent(found[1]));
}

async function answered(method, path, body, headers) {
  try {
    return await fetch(path, { method, body, headers });
  } catch {
    throw new Error("The server does not answer: is it still running?");
  }
}

async function checked(answer) {
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const error = new Error(typeof told.detail === "string" ? told.detail : `The server answers ${answer.status}.`);
  throw Object.assign(error, { status: answer.status, frames: told.frames ?? 0, series: told.series ?? [] });
}

const logIn = (token) =>
  call("POST", "api/login", JSON.stringify({ token }), { "Content-Type": "application/json" });

function askForToken() {
  const dialog = document.getElementById("login-dialog");
  const form = document.getElementById("login-form");
  const field = document.getElementById("token");
  dialog.showModal();
  return new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      try {
        await logIn(field.value);
        field.value = "";
        dialog.close();
        resolve();
      } catch (error) {
        document.getElementById("login-error").textContent = error.message;
      }
    };
  });
}
