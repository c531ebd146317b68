/* What the browser does by itself: theme, shortcuts, the link, linked time axes. */
(function () {
  "use strict";

  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const byId = (id) => document.getElementById(id);
  const noUpdate = () => window.dash_clientside.no_update;

  // ---------------------------------------------------------------- the renderer's hooks
  // Charts that were requested on a page that is left meanwhile are there no more: Dash would
  // patch what is missing, and report an error. Their answer becomes "nothing new".
  const CHARTS = /\.figure\b/;
  const pageOf = new WeakMap();

  function requestPre(payload) {
    pageOf.set(payload, window.location.pathname);
    window.spreadscopePace.sent(payload);
  }

  function requestPost(payload, outputs) {
    if (window.location.pathname === pageOf.get(payload)) {
      window.spreadscopeChanges.apply(outputs);
      return;
    }
    const ofPage = Object.keys(outputs).some((id) => id.startsWith("cursor-"));
    if (!ofPage && !CHARTS.test(payload.output)) return;
    for (const output of Object.keys(outputs)) delete outputs[output];
  }

  // ---------------------------------------------------------------- the link
  // Beside the parameters, which the server checks, a link holds what is the browser's own:
  // the stretch of time that is zoomed, of one market, and whether prices are candles.
  const opened = new URLSearchParams(window.location.search);
  const asked = ["from", "to"].map((name) => Number(opened.get(name) || NaN));
  let zoom = asked[0] < asked[1] ? { market: opened.get("market"), range: asked } : null;
  let toZoom = zoom;
  let candles = opened.get("prices") === "candles";
  // The rules of a scan, by the form of the Pairs page; before that is open, those of the link.
  let scan = new URLSearchParams([...opened].filter(([name]) => name.startsWith("scan_"))).toString();
  let stretch_ms = [60, 300, 900, 3600].includes(Number(opened.get("last")))
    ? Number(opened.get("last")) * 1000 : 0;
  let heatmap = opened.get("heatmap") || "correlation";
  const USUAL_CAPITAL = "10000";
  let capital = opened.get("capital") || USUAL_CAPITAL;
  let shown = null;

  function keepCapital(typed) {
    capital = typed || USUAL_CAPITAL;
    refreshLink();
    return capital;
  }

  function keepHeatmap(of) {
    heatmap = of || "correlation";
    refreshLink();
    return heatmap;
  }

  function keepScan(rules) {
    if (rules) {
      scan = rules.query;
      refreshLink();
    }
    return noUpdate();
  }

  // The link's query: of the view, and what stands beside it.
  function queryWith(ofView) {
    const own = new URLSearchParams();
    if (zoom && zoom.market === shown.view.market) {
      own.set("from", zoom.range[0]);
      own.set("to", zoom.range[1]);
    }
    if (stretch_ms > 0) own.set("last", stretch_ms / 1000);
    if (candles) own.set("prices", "candles");
    if (heatmap !== "correlation") own.set("heatmap", heatmap);
    if (capital !== USUAL_CAPITAL) own.set("capital", capital);
    const sorts = window.spreadscopeSorts.inLink();
    if (sorts) own.set("sort", sorts);
    return [ofView, shown.strategy.query, scan, own.toString()].filter(Boolean).join("&");
  }

  // What a link bears of its window, and of its page alone, stands in the address and stays.
  function kept(names) {
    const parts = window.location.search.slice(1).split("&");
    return parts.filter((part) => names.test(part)).map((part) => `&${part}`).join("");
  }

  function refreshLink() {
    if (!shown) return noUpdate();
    const search = "?" + queryWith(shown.view.query) + kept(/^(bare|follow)=/);
    const path = window.location.pathname; // of the page that was clicked last, shown yet or not
    const link = path + search + kept(/^(chart|pairs|form\.[\w-]+)=/);
    for (const tab of document.querySelectorAll(".brand, .tabs .nav-link")) {
      tab.setAttribute("href", tab.getAttribute("href").split("?")[0] + search);
    }
    if (path + window.location.search !== link) {
      window.history.replaceState(window.history.state, "", link);
    }
    return link;
  }

  function writeUrl(view, strategy) {
    if (!view || !strategy) return noUpdate();
    shown = { view, strategy };
    const link = refreshLink();
    if (looksAt(view)) setTimeout(go);
    return link;
  }

  // A page that shows another pair opens once the tab looks at it, so that the answer of the pair
  // before is not seen on it. A comparison is left by the link of the new view alone.
  let going = null;

  function goOnceSeen(tab, pair) {
    const compared = new URLSearchParams(window.location.search).has("pairs");
    going = { tab, pair, latest: compared ? null : setTimeout(go, 2000) };
    if (shown && looksAt(shown.view)) go();
  }

  const looksAt = (view) =>
    going && Object.entries(going.pair).every(([name, value]) => !(name in view) || view[name] === value);

  function go() {
    if (!going) return;
    clearTimeout(going.latest);
    const { tab } = going;
    going = null;
    click(tab);
  }

  function keepMode(mode) {
    candles = mode === "candles";
    refreshLink();
    return noUpdate();
  }

  // A page that opens takes over the zoom and the candles of the one before, or of the link.
  function takeOver() {
    toZoom = zoom && (!shown || zoom.market === shown.view.market) ? zoom : null;
    if (candles && byId("price-mode")) setProps("price-mode", { value: "candles" });
  }

  // plotly.js tells the ends of an axis of dates as numbers, or as texts in UTC.
  const inMs = (one) =>
    typeof one === "number" ? one : Date.parse(`${String(one).replace(" ", "T")}Z`);

  let zoomedOf = new Set(); // the uirevisions of the charts that were zoomed

  const noteZoomed = () =>
    (zoomedOf = new Set(timeCharts().map((plot) => plot._fullLayout.uirevision)));

  function zoomed(ends) {
    const range = ends && ends.map((one) => Math.round(inMs(one)));
    zoom = shown && range && range[0] < range[1] ? { market: shown.view.market, range } : null;
    toZoom = null;
    noteZoomed();
    refreshLink();
  }

  function zoomOnce() {
    const ready = timeCharts().some((plot) => Number.isFinite(lastTime(plot)));
    if (!toZoom || !ready) return;
    const { range } = toZoom;
    toZoom = null;
    noteZoomed();
    relayoutAll(() => ({ "xaxis.range": range })).then(() => showPaused(true));
  }

  // plotly.js keeps a zoom of the mouse when it draws a chart whole anew, and forgets one that
  // another chart's zoom gave it.
  function keepZoomed() {
    if (!zoom || toZoom || linking) return;
    const hasLost = ({ _fullLayout: { xaxis, uirevision } }) =>
      xaxis.autorange && zoomedOf.has(uirevision);
    if (!timeCharts().some(hasLost)) return;
    relayoutAll((plot) => hasLost(plot) && { "xaxis.range": zoom.range });
  }

  // ---------------------------------------------------------------- theme, freeze, panel
  function toggleTheme(clicks, theme) {
    if (!clicks) return noUpdate();
    localStorage.removeItem("theme-auto");
    return theme === "light" ? "dark" : "light";
  }

  function applyTheme(theme) {
    document.documentElement.dataset.bsTheme = theme === "light" ? "light" : "dark";
    return theme === "light" ? "Switch to dark (T)" : "Switch to light (T)";
  }

  function toggleFreeze(clicks, frozen) {
    if (!clicks) return [noUpdate(), noUpdate()];
    byId("freeze-toggle").setAttribute("aria-pressed", String(!frozen));
    if (frozen) return [false, ""];
    const at = new Date().toISOString().slice(11, 19);
    const held = { market: byId("market-select").value, until_ms: shownUntil() };
    return [held, `charts frozen at ${at} UTC`];
  }

  // The end of the newest bar on the page, or now: what the charts show when they freeze, so
  // that another parameter applies to the same data.
  function shownUntil() {
    const [, count, unit] = /(\d+)([smh])/.exec(byId("timeframe").value) || [0, 1, "s"];
    const length = Number(count) * { s: 1e3, m: 6e4, h: 36e5 }[unit];
    const ends = timeCharts().map(lastTime).filter(Number.isFinite);
    return ends.length ? Math.min(Math.max(...ends) + length - 1, Date.now()) : Date.now();
  }

  // What is folded has no height; its charts measure themselves when it opens.
  function unfold(open) {
    setTimeout(() => window.dispatchEvent(new Event("resize")), 60);
    return open ? "wide grid" : "wide grid collapsed";
  }

  // The hedge is that of the newest picture, which may be of the pair or the method before.
  function lockHedge(clicks, now, view) {
    if (!clicks || !now || !view || now.of !== view.query) return noUpdate();
    const at = Date.now();
    return now.locked
      ? { spread_mode: "view", beta: "", alpha: "", at }
      : { spread_mode: "locked", beta: now.beta, alpha: now.alpha, at };
  }

  function swapLegs(clicks, y, x) {
    return clicks ? { y: x, x: y, at: Date.now() } : noUpdate();
  }

  // What is told of a market that is in view no more came late.
  function knownHere(told, market) {
    return told && (!market || told.market === market) ? told : noUpdate();
  }

  // Start becomes Update while the source chosen runs with other symbols than those chosen.
  function startWords(known, kind, symbols) {
    const asked = known && known.asked;
    if (!asked || asked.source !== kind || !symbols || !symbols.length) return ["Start", "Start"];
    const same = [...asked.symbols].sort().join() === [...symbols].sort().join();
    return same
      ? ["Start", "Start"]
      : ["Update", "Ask for the chosen symbols, over the same connection"];
  }

  // The threshold of the alert form is the panel's, until another is typed there.
  function sameThreshold(view, metric) {
    const field = byId("rule-threshold");
    const typed = field && field.dataset.typed;
    return view && field && metric === "z" && !typed ? String(view.z_threshold) : noUpdate();
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
      zoomed(whole ? null : [from, to]);
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
    zoomed(null);
    relayoutAll(() => ({ "xaxis.autorange": true })).then(() => showPaused(false));
  }

  let shownPage = null;

  // A stretch of time that ends at the newest bar and moves on with it.
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
    refreshLink();
  }

  // What a click on a trade or an alert asks for.
  function zoomTo(from, to) {
    slide(-1);
    zoomed([from, to]);
    return relayoutAll(() => ({ "xaxis.range": [from, to] })).then(() => showPaused(true));
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
    zoomed(null);
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

  // ---------------------------------------------------------------- a click on a heatmap
  // plotly.js forgets what is under the mouse at each update, so its own click event is lost
  // between two updates: the cell is found here, from where the mouse went down and up.
  let pressed = null;

  const HEATMAPS = "#correlation-heatmap, #sweep-heatmap";

  function cellAt(event) {
    const chart = event.target.closest && event.target.closest(HEATMAPS);
    const plot = chart && chart.querySelector(".js-plotly-plot");
    const area = plot && event.target.closest(".js-plotly-plot") && plot.querySelector(".nsewdrag");
    if (!area) return null;
    const box = area.getBoundingClientRect();
    const { xaxis, yaxis } = plot._fullLayout;
    const at = [xaxis.p2c(event.clientX - box.left), yaxis.p2c(event.clientY - box.top)];
    const place = { chart: chart.id, left: event.clientX, top: event.clientY };
    if (chart.id === "sweep-heatmap") {
      const cells = plot._fullData[0];
      if (!cells || cells.type !== "heatmap") return null;
      return { ...place, column: nearest(cells.x, at[0]), row: nearest(cells.y, at[1]) };
    }
    const [x, y] = [xaxis._categories[Math.round(at[0])], yaxis._categories[Math.round(at[1])]];
    return x && y ? { ...place, x, y } : null;
  }

  function nearest(values, wanted) {
    const distances = Array.from(values, (one) => Math.abs(one - wanted));
    return distances.indexOf(Math.min(...distances));
  }

  function onRelease(event) {
    const from = pressed;
    pressed = null;
    if (!from || Math.hypot(event.clientX - from.left, event.clientY - from.top) > 4) return;
    if (from.chart === "sweep-heatmap") {
      setProps("sweep-pick", { data: { row: from.row, column: from.column, at: Date.now() } });
    } else if (from.x !== from.y) {
      setProps("focus", { data: { x: from.x, y: from.y, at: Date.now() } });
      goOnceSeen("tab-analytics", from);
    }
  }

  // ---------------------------------------------------------------- shortcuts
  const click = (id) => byId(id) && byId(id).click();
  const KEYS = {
    s: () => click("swap-legs"),
    t: () => click("theme-toggle"),
    p: () => click("panel-toggle"),
    escape: () => showPanel(false),
    r: follow,
    v: () => click("views-menu"),
    z: () => click("title-toggle"),
    k: () => document.querySelector("#replay-bar:not([hidden])") && click("replay-toggle"),
    "?": () => click("help-toggle"),
    " ": () => click("freeze-toggle"),
  };

  function typing(target) {
    return target.closest("input, select, textarea, [contenteditable], [role=combobox], .ag-root, .dash-dropdown");
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === " " && event.target.closest("button, summary, [role=button]")) return;
    const drawer = document.querySelector(".offcanvas.show");
    if (drawer && event.key === "Escape") setTimeout(() => setProps(drawer.id, { is_open: false }));
    if (drawer || document.querySelector(".modal.show, dialog[open]")) return;
    const tabs = document.querySelectorAll(".tabs .nav-link");
    if (/^[1-7]$/.test(event.key) && tabs[event.key - 1]) {
      tabs[event.key - 1].click();
    } else if (KEYS[event.key.toLowerCase()]) {
      event.preventDefault();
      KEYS[event.key.toLowerCase()]();
    }
  }

  // ---------------------------------------------------------------- wiring
  document.addEventListener("keydown", onKey);
  // A field that is left is told at once, not when its debounce ends: a button that is clicked
  // right after the typing must act on what was typed.
  document.addEventListener("change", ({ target }) => {
    if (!target.matches(".field input.form-control[id], .field textarea[id]")) return;
    // A page that goes takes its fields from the keyboard: what they held is not of the next page.
    queueMicrotask(() => {
      const there = target.isConnected && window.spreadscope.laidOut(target.id);
      if (there) setProps(target.id, { value: target.value });
    });
  });
  document.addEventListener("input", ({ target }) => {
    if (target.id === "rule-threshold") target.dataset.typed = "yes";
  });
  // The tab in view leads nowhere: its address without the parameters would take their place.
  document.addEventListener("click", (event) => {
    const tab = event.target.closest(".tabs .nav-link");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey);
    if (!tab || !plain || new URL(tab.href).pathname !== window.location.pathname) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("mousedown", (event) => (pressed = cellAt(event)), true);
  document.addEventListener("mouseup", onRelease, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest("#panel-toggle")) {
      showPanel(!document.body.classList.contains("panel-open"));
    } else if (event.target.closest(".range-button")) {
      onRange(event.target.closest(".range-button"));
    } else if (!event.target.closest(".side-panel")) {
      showPanel(false);
    }
  });
  setInterval(() => {
    zoomOnce();
    keepZoomed();
    keepSliding();
  }, 250);
  new MutationObserver(() => {
    watchPlots();
    if (byId("page-content") && byId("page-content").firstElementChild !== shownPage) {
      shownPage = byId("page-content").firstElementChild;
      document.body.dataset.page = window.location.pathname.slice(1) || "home";
      slide(stretch_ms > 0 ? stretch_ms : 0);
      showPaused(false);
      takeOver();
      const tab = document.querySelector(".tabs .nav-link.active");
      if (tab) tab.scrollIntoView({ block: "nearest", inline: "center" });
    }
  }).observe(document.documentElement, { childList: true, subtree: true });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    spreadscope: {
      writeUrl, refreshLink, keepMode, keepScan, keepHeatmap, keepCapital, toggleTheme,
      applyTheme, toggleFreeze, swapLegs, toggleHelp, knownHere, startWords, requestPre,
      requestPost, zoomTo, sameThreshold, lockHedge, unfold, goOnceSeen, queryWith,
    },
  });
})();
