/* Before the first paint: the page's clock is UTC, and the theme that this browser remembers. */
(function () {
  "use strict";

  // plotly.js draws epoch milliseconds in the browser's own time zone, and ranges given as text
  // in UTC. Every time of this page is UTC, so its dates have no other zone.
  const parts = ["FullYear", "Month", "Date", "Day", "Hours", "Minutes", "Seconds", "Milliseconds"];
  for (const part of parts) {
    Date.prototype[`get${part}`] = Date.prototype[`getUTC${part}`];
  }
  Date.prototype.getTimezoneOffset = () => 0;

  let theme = "dark";
  try {
    theme = JSON.parse(localStorage.getItem("theme")) === "light" ? "light" : "dark";
  } catch (error) {
    theme = "dark";
  }
  document.documentElement.dataset.bsTheme = theme;
})();
