/* Before the first paint: the page's clock is UTC, the theme that this browser
   remembers, and whether this window has a frame. */
(function () {
  "use strict";

  // plotly.js reads numbers on a date axis in the browser's own time zone and texts in UTC, and
  // has no option for the zone. Times as texts would need no patch, but they are sent with every
  // refresh: 2,000 of them cost the server 1.1 ms and 54 KB as texts, 0.2 ms and 21 KB as the
  // typed arrays that they are. Every time on this page is UTC, so its dates have no other zone.
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
  const bare = new URLSearchParams(window.location.search).get("bare") === "1";
  document.documentElement.classList.toggle("bare", bare);
})();
