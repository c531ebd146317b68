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

  // The theme is the system's until somebody chooses one; `theme-auto` says that nobody has.
  const system = window.matchMedia("(prefers-color-scheme: light)");
  const ofSystem = () => (system.matches ? "light" : "dark");
  let theme = ofSystem();
  try {
    if (!localStorage.getItem("theme")) localStorage.setItem("theme-auto", "yes");
    if (localStorage.getItem("theme-auto") === "yes") localStorage.setItem("theme", JSON.stringify(theme));
    theme = JSON.parse(localStorage.getItem("theme")) === "light" ? "light" : "dark";
    document.documentElement.classList.toggle("first-time", !localStorage.getItem("visited"));
  } catch (error) {
    theme = ofSystem();
  }
  document.documentElement.dataset.bsTheme = theme;
  system.addEventListener("change", () => {
    if (localStorage.getItem("theme-auto") !== "yes") return;
    window.dash_clientside.set_props("theme", { data: ofSystem() });
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("#first-visit-close")) return;
    document.documentElement.classList.remove("first-time");
    localStorage.setItem("visited", "yes");
  });
  const bare = new URLSearchParams(window.location.search).get("bare") === "1";
  document.documentElement.classList.toggle("bare", bare);
})();
