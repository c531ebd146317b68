/* What the browser does by itself: theme, shortcuts, the link, linked time axes, uploads. */
(function () {
  "use strict";

  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const byId = (id) => document.getElementById(id);
  const noUpdate = () => window.dash_clientside.no_update;

  // ---------------------------------------------------------------- the server gone, and back
  // The interval is disabled while a live call runs; Dash does not enable it again when the
  // call never reached a server. So a call that fails in the network enables it here, and
  // the page asks on until a server answers.
  const RETRY_MS = 1000;
  const plainFetch = window.fetch;

  function online(yes) {
    document.body.classList.toggle("offline", !yes);
    if (!yes) setTimeout(() => setProps("live-interval", { disabled: false }), RETRY_MS);
  }

  window.fetch = function (resource, ...more) {
    const sent = plainFetch.call(this, resource, ...more);
    if (String(resource.url || resource).includes("_dash-update-component")) {
      sent.then(() => online(true), () => online(false));
    }
    return sent;
  };

  // ---------------------------------------------------------------- the link
  function writeUrl(view, pathname) {
    if (!view) return noUpdate();
    const link = (pathname || "/") + "?" + view.query;
    for (const tab of document.querySelectorAll(".tabs .nav-link")) {
      tab.setAttribute("href", tab.getAttribute("href").split("?")[0] + "?" + view.query);
    }
    if (window.location.pathname + window.location.search !== link) {
      window.history.replaceState(window.history.state, "", link);
    }
    return link;
  }

  // ---------------------------------------------------------------- theme, freeze, panel
  function toggleTheme(clicks, theme) {
    if (!clicks) return noUpdate();
    return theme === "light" ? "dark" : "light";
  }

  function applyTheme(theme) {
    document.documentElement.dataset.bsTheme = theme === "light" ? "light" : "dark";
    return theme === "light" ? "Switch to dark (T)" : "Switch to light (T)";
  }

  function toggleFreeze(clicks, frozen) {
    if (!clicks) return [noUpdate(), noUpdate()];
    const now = !frozen;
    const at = new Date().toISOString().slice(11, 19);
    byId("freeze-toggle").setAttribute("aria-pressed", String(now));
    return [now, now ? `charts frozen at ${at} UTC` : ""];
  }

  function swapLegs(clicks, y, x) {
    return clicks ? { y: x, x: y, at: Date.now() } : noUpdate();
  }

  function toggleHelp(clicks, open) {
    return clicks ? !open : noUpdate();
  }

  function showPanel(open) {
    const was = document.body.classList.contains("panel-open");
    document.body.classList.toggle("panel-open", open);
    if (was && !open) byId("panel-toggle").focus();
    if (!was && open) byId("side-panel").querySelector("select, input").focus();
    byId("panel-toggle").setAttribute("aria-expanded", String(open));
  }

  // ---------------------------------------------------------------- linked time axes
  const timeCharts = () =>
    [...document.querySelectorAll(".js-plotly-plot")].filter(
      (plot) => plot._fullLayout && plot._fullLayout.xaxis && plot._fullLayout.xaxis.type === "date",
    );
  let linking = false;

  function link(source, event) {
    if (linking) return;
    const from = event["xaxis.range[0]"] ?? (event["xaxis.range"] || [])[0];
    const to = event["xaxis.range[1]"] ?? (event["xaxis.range"] || [])[1];
    const whole = event["xaxis.autorange"] === true;
    if (!whole && from === undefined) return;
    linking = true;
    slide(whole ? 0 : -1);
    const change = whole ? { "xaxis.autorange": true } : { "xaxis.range": [from, to] };
    const others = timeCharts().filter((plot) => plot !== source);
    Promise.allSettled(others.map((plot) => window.Plotly.relayout(plot, change))).finally(() => {
      linking = false;
      showPaused(!whole);
    });
  }

  function showPaused(paused) {
    const row = document.querySelector(".follow");
    if (paused && !row) {
      const button = document.createElement("button");
      button.className = "follow";
      button.textContent = `zoomed at ${new Date().toISOString().slice(11, 19)} UTC · follow`;
      button.title = "Show all bars and follow the newest (R)";
      button.addEventListener("click", follow);
      document.querySelector(".trust-strip").append(button);
    } else if (!paused && row) {
      row.remove();
    }
  }

  function relayoutAll(changeOf) {
    linking = true;
    const work = timeCharts().map((plot) => {
      const change = changeOf(plot);
      return change && window.Plotly.relayout(plot, change);
    });
    return Promise.allSettled(work).finally(() => (linking = false));
  }

  function follow() {
    slide(0);
    relayoutAll(() => ({ "xaxis.autorange": true })).then(() => showPaused(false));
  }

  let shownPage = null;

  // A stretch of time that ends at the newest bar and moves on with it.
  let stretch_ms = 0;
  let newest = 0;

  // The newest time that a chart shows; some traces come as x0 and dx, some run backwards.
  function lastTime(plot) {
    const ends = plot._fullData.map((trace) => {
      if (trace.x && trace.x.length) {
        const [first, last] = [trace.x[0], trace.x[trace.x.length - 1]];
        const middle = trace.x[Math.floor(trace.x.length / 2)];
        return Math.max(...[first, middle, last].map((one) => Number(new Date(one))));
      }
      return Number(new Date(trace.x0)) + (trace._length - 1) * trace.dx;
    });
    return Math.max(...ends.filter(Number.isFinite));
  }

  function slide(milliseconds) {
    stretch_ms = milliseconds;
    newest = 0;
    for (const button of document.querySelectorAll(".range-button")) {
      const chosen = Number(button.dataset.seconds) * 1000 === milliseconds;
      button.setAttribute("aria-pressed", String(chosen));
    }
  }

  function keepSliding() {
    const charts = timeCharts();
    if (stretch_ms <= 0 || linking || !charts.length) return;
    const end = Math.max(...charts.map(lastTime).filter(Number.isFinite));
    if (!Number.isFinite(end) || end === newest) return;
    newest = end;
    relayoutAll(() => ({ "xaxis.range": [end - stretch_ms, end] }));
  }

  function onRange(button) {
    const milliseconds = Number(button.dataset.seconds) * 1000;
    if (!milliseconds) return follow();
    slide(milliseconds);
    showPaused(false);
    keepSliding();
  }

  function watchPlots() {
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      if (plot.dataset.linked || typeof plot.on !== "function") continue;
      plot.dataset.linked = "yes";
      plot.on("plotly_relayout", (event) => link(plot, event));
    }
  }

  // ---------------------------------------------------------------- a click on the heatmap
  // plotly.js forgets what is under the mouse at each update, so its own click event is lost
  // between two updates: the cell is found here, from where the mouse went down and up.
  let pressed = null;

  function cellAt(event) {
    const plot = event.target.closest && event.target.closest("#correlation-heatmap .js-plotly-plot");
    const area = plot && plot.querySelector(".nsewdrag");
    if (!area) return null;
    const box = area.getBoundingClientRect();
    const { xaxis, yaxis } = plot._fullLayout;
    const column = Math.round(xaxis.p2c(event.clientX - box.left));
    const row = Math.round(yaxis.p2c(event.clientY - box.top));
    const [x, y] = [xaxis._categories[column], yaxis._categories[row]];
    return x && y ? { x, y, left: event.clientX, top: event.clientY } : null;
  }

  function onRelease(event) {
    const from = pressed;
    pressed = null;
    if (!from || from.x === from.y) return;
    if (Math.hypot(event.clientX - from.left, event.clientY - from.top) > 4) return;
    setProps("focus", { data: { x: from.x, y: from.y, at: Date.now() } });
    click("tab-analytics");
  }

  // ---------------------------------------------------------------- shortcuts
  const click = (id) => byId(id) && byId(id).click();
  const KEYS = {
    s: () => click("swap-legs"),
    t: () => click("theme-toggle"),
    p: () => click("panel-toggle"),
    escape: () => showPanel(false),
    r: follow,
    "?": () => click("help-toggle"),
    " ": () => click("freeze-toggle"),
  };

  function typing(target) {
    return target.closest("input, select, textarea, [contenteditable], [role=combobox], .ag-root, .dash-dropdown");
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    if (document.querySelector(".modal.show")) return;
    const tabs = document.querySelectorAll(".tabs .nav-link");
    if (/^[1-6]$/.test(event.key) && tabs[event.key - 1]) {
      tabs[event.key - 1].click();
    } else if (KEYS[event.key.toLowerCase()]) {
      event.preventDefault();
      KEYS[event.key.toLowerCase()]();
    }
  }

  // ---------------------------------------------------------------- upload
  let sending = null;
  let cancelled = false;

  function progress(words, share) {
    const box = byId("upload-progress");
    if (!box) return;
    box.hidden = words === null;
    if (words === null) return;
    box.querySelector(".upload-words").textContent = words;
    box.querySelector("progress").value = share;
  }

  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;

  function send(file, market) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      sending = request;
      const asked = new URLSearchParams({ name: file.name });
      if (market) asked.set("market", market);
      request.open("POST", `/api/upload?${asked}`);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => {
        const share = event.total ? event.loaded / event.total : 0;
        progress(`${file.name}: ${megabytes(event.loaded)} of ${megabytes(event.total)}`, share);
      };
      request.upload.onload = () => progress(`${file.name}: reading the rows`, 1);
      request.onload = () => {
        let answer;
        try {
          answer = JSON.parse(request.responseText);
        } catch (error) {
          answer = { error: `the server answered ${request.status}` };
        }
        resolve({ name: file.name, status: request.status, ...answer });
      };
      request.onerror = () => resolve({ name: file.name, error: "the connection broke" });
      request.onabort = () => resolve({ name: file.name, error: "cancelled; nothing was kept" });
      request.send(file);
    });
  }

  async function upload(files) {
    if (!files.length) return;
    click("tab-data");
    if (sending) return;
    const reports = [];
    let market = null;
    cancelled = false;
    for (const file of files) {
      if (cancelled) {
        reports.push({ name: file.name, error: "cancelled; nothing was kept" });
        continue;
      }
      const report = await send(file, market);
      market = market || report.market || null;
      reports.push(report);
    }
    sending = null;
    progress(null);
    setProps("upload-result", { data: reports });
    if (market) setProps("focus", { data: { market, at: Date.now() } });
  }

  function fileInput() {
    const zone = byId("upload-data");
    if (!zone || zone.querySelector("input[type=file]")) return;
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.id = "upload-file";
    input.setAttribute("aria-label", "Choose files to upload");
    input.addEventListener("change", () => {
      upload([...input.files]).finally(() => (input.value = ""));
    });
    zone.append(input);
  }

  function onDrag(event) {
    if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dragging", event.type === "dragover");
    if (event.type === "drop") upload([...event.dataTransfer.files]);
  }

  // ---------------------------------------------------------------- wiring
  document.addEventListener("keydown", onKey);
  document.addEventListener("mousedown", (event) => (pressed = cellAt(event)), true);
  document.addEventListener("mouseup", onRelease, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest("#panel-toggle")) {
      showPanel(!document.body.classList.contains("panel-open"));
    } else if (event.target.closest(".range-button")) {
      onRange(event.target.closest(".range-button"));
    } else if (event.target.closest("#upload-cancel")) {
      cancelled = true;
      if (sending) sending.abort();
    } else if (!event.target.closest(".side-panel")) {
      showPanel(false);
    }
  });
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, onDrag);
  setInterval(keepSliding, 250);
  new MutationObserver(() => {
    fileInput();
    watchPlots();
    if (byId("page-content") && byId("page-content").firstElementChild !== shownPage) {
      shownPage = byId("page-content").firstElementChild;
      slide(stretch_ms > 0 ? stretch_ms : 0);
      showPaused(false);
      const tab = document.querySelector(".tabs .nav-link.active");
      if (tab) tab.scrollIntoView({ block: "nearest", inline: "center" });
    }
  }).observe(document.documentElement, { childList: true, subtree: true });

  function notify(events) {
    if (events && events.length && window.Notification && Notification.permission === "granted") {
      for (const one of events) new Notification("Spreadscope", { body: one.text, tag: one.id });
    }
    return noUpdate();
  }

  function askNotify(clicks) {
    if (clicks && window.Notification) Notification.requestPermission();
    return noUpdate();
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    spreadscope: {
      writeUrl, toggleTheme, applyTheme, toggleFreeze, swapLegs, toggleHelp, notify, askNotify,
    },
  });
})();
