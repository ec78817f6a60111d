/** The button that switches between light and dark; without a choice, the system decides. */

const STORED = "docustore.theme";

export function prepareThemeButton(button) {
  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const describe = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    window.localStorage.setItem(STORED, theme);
    describe();
  });
  describe();
}
