"use strict";

const form = document.getElementById("login");
const problem = document.getElementById("problem");

const REFUSED = {
  key: "This key is unknown, expired or revoked.",
  token: "This link was used before or has expired. Run `docustore login` for a new one, or use a key.",
};

/** Sign in with `{ key }`, or with the `{ token }` of a login link. */
async function signIn(proof) {
  problem.textContent = "";
  try {
    const response = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(proof),
    });
    if (response.ok) {
      // Back to the view that the session was lost in; only its fragment, which cannot leave this server.
      const view = sessionStorage.getItem("docustore.return") ?? "";
      sessionStorage.removeItem("docustore.return");
      window.location.replace(`/${view.startsWith("#") ? view : ""}`);
      return;
    }
    problem.textContent = response.status === 401
      ? REFUSED[Object.keys(proof)[0]]
      : (await response.json()).detail;
  } catch {
    problem.textContent = "The server does not answer.";
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn({ key: form.elements.key.value.trim() });
});

// A login link has its token in the fragment, which browsers never send to a server. It is removed from the URL at once.
function signInByLink() {
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", window.location.pathname);
  signIn({ token });
}

window.addEventListener("hashchange", signInByLink);
signInByLink();
