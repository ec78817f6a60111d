"use strict";

const form = document.getElementById("login");
const problem = document.getElementById("problem");

async function signIn(key) {
  problem.textContent = "";
  try {
    const response = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key }),
    });
    if (response.ok) {
      window.location.replace("/");
      return;
    }
    problem.textContent = response.status === 401
      ? "This key is unknown, expired or revoked."
      : (await response.json()).detail;
  } catch {
    problem.textContent = "The server does not answer.";
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(form.elements.key.value.trim());
});

// Browsers never send the fragment to a server. It is removed from the URL at once, so that no history keeps the key.
function signInByFragment() {
  const given = new URLSearchParams(window.location.hash.slice(1)).get("key");
  if (!given) return;
  history.replaceState(null, "", window.location.pathname);
  signIn(given);
}

window.addEventListener("hashchange", signInByFragment);
signInByFragment();
