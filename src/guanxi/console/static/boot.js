// Runs before the first paint, so that neither the theme nor a collapsed navigation flickers.
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const paint = () => {
    const chosen = read("gx-theme");
    const theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    root.setAttribute("data-bs-theme", theme);
    root.dataset.themeChoice = chosen || "auto";
  };
  paint();
  if (read("gx-nav") === "slim") root.dataset.nav = "slim";
  dark.addEventListener("change", paint);
  addEventListener("gx-theme", paint);
})();
