/* Before the first paint: the theme that this browser remembers. */
(function () {
  "use strict";
  let theme = "dark";
  try {
    theme = JSON.parse(localStorage.getItem("theme")) === "light" ? "light" : "dark";
  } catch (error) {
    theme = "dark";
  }
  document.documentElement.dataset.bsTheme = theme;
})();
