"use strict";

// Not a module: it runs before the first paint, so that the page does not flash in the other colours.
(function setTheme() {
  const stored = window.localStorage.getItem("docustore.theme");
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
})();
