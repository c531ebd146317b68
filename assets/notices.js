/* Alerts beyond the page: the browser's title, its notifications, and whether anybody looks. */
(function () {
  "use strict";

  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const READ = "alerts-read";

  // ---------------------------------------------------------------- whether anybody looks
  // The Alerts page counts as seen in every tab of this browser once one of them shows it.
  let read = null;
  try {
    read = localStorage.getItem(READ);
  } catch (error) {
    read = null;
  }

  const looking = () => window.location.pathname === "/alerts" && !document.hidden;
  const attention = () => ({ hidden: document.hidden, read });

  function noteRead() {
    if (!looking()) return;
    try {
      localStorage.setItem(READ, String(Date.now()));
    } catch (error) {
      return;
    }
  }

  function attend() {
    noteRead();
    return attention();
  }

  // Before the page stands there is nobody to tell.
  function tell() {
    if (document.getElementById("alerts-badge")) setProps("attention", { data: attention() });
  }

  document.addEventListener("visibilitychange", () => {
    noteRead();
    tell();
  });
  window.addEventListener("storage", (event) => {
    if (event.key !== READ) return;
    read = event.newValue;
    tell();
  });

  // ---------------------------------------------------------------- the browser's title
  // It changes with the page and with the count on the Alerts tab; with z only where that was
  // asked for.
  function titleWith(count, pathname, z, asked) {
    const tabs = [...document.querySelectorAll(".tabs .nav-link")];
    const tab = tabs.find((one) => new URL(one.href).pathname === pathname);
    const page = tab && tab.firstChild.textContent;
    const words = [asked && z, page, "Spreadscope"].filter(Boolean).join(" - ");
    const title = count ? `(${count}) ${words}` : words;
    if (document.title !== title) document.title = title;
    return count ? `new alerts: ${count}` : "";
  }

  function toggleTitle(clicks, asked) {
    return clicks ? !asked : window.dash_clientside.no_update;
  }

  function showTitle(asked) {
    document.getElementById("title-toggle").setAttribute("aria-pressed", String(Boolean(asked)));
    const words = asked ? "The tab's title without z and the pair (Z)" : "z and the pair in the tab's title (Z)";
    return [asked ? -1 : 0, words]; // ticks without end, or none
  }

  // ---------------------------------------------------------------- notifications
  function notify(events) {
    if (events && events.length) noteRead();
    if (events && window.Notification && Notification.permission === "granted") {
      for (const one of events) new Notification("Spreadscope", { body: one.text, tag: one.id });
    }
    return window.dash_clientside.no_update;
  }

  const STATES = {
    default: ["Allow browser notifications", false],
    granted: ["Browser notifications are on", true],
    denied: ["Notifications are blocked in the browser", true],
  };

  // Dash makes no other call until this one has answered, and nobody has to answer the browser.
  function askNotify(clicks) {
    if (!window.Notification) return STATES.denied;
    if (clicks && Notification.permission === "default") {
      Notification.requestPermission().then((permission) => {
        const [children, disabled] = STATES[permission];
        if (document.getElementById("notify-here")) setProps("notify-here", { children, disabled });
      });
    }
    return STATES[Notification.permission];
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.spreadscope = Object.assign({}, window.dash_clientside.spreadscope, {
    attend,
    titleWith,
    toggleTitle,
    showTitle,
    notify,
    askNotify,
  });
})();
