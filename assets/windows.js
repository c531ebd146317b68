/* Windows of their own: a page or a chart without the frame, windows that follow the one that is
   worked in; and the pairs that are compared, in the link. */
(function () {
  "use strict";

  const { make, byId } = window.spreadscope;
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const asked = (name) => new URLSearchParams(window.location.search).get(name);
  const bare = document.documentElement.classList.contains("bare");

  // ---------------------------------------------------------------- opening
  function openWindow(chart) {
    const link = new URL(window.location.href);
    link.searchParams.set("bare", "1");
    link.searchParams.delete("chart");
    if (chart) link.searchParams.set("chart", chart);
    const [width, height] = chart ? [760, 420] : [1120, 800];
    window.open(link, "_blank", `popup,width=${width},height=${height}`);
  }

  const titleOf = (graph) => {
    const title = graph.querySelector(".gtitle");
    return (title && title.textContent) || graph.id;
  };

  // A button beside each chart's own controls, over none of them, for the mouse: the keyboard finds
  // it in the palette.
  function offerWindows() {
    for (const graph of document.querySelectorAll(".card-box.chart > .graph[id]")) {
      const box = graph.parentElement;
      const held = box.querySelector(".window-button");
      const words = `${titleOf(graph)} in a window of its own`;
      if (held) {
        if (held.getAttribute("aria-label") !== words) held.setAttribute("aria-label", words);
        continue;
      }
      const button = make("button", {
        className: "window-button chart-window", textContent: "↗", title: "In a window of its own",
        tabIndex: -1, "aria-label": words,
      });
      button.addEventListener("click", () => openWindow(graph.id));
      (box.querySelector(":scope > .chart-tools") || box).append(button);
    }
  }

  function showOneChart() {
    const graph = asked("chart") && byId(asked("chart"));
    const box = graph && graph.closest(".card-box.chart");
    document.documentElement.classList.toggle("one-chart", Boolean(box));
    if (!box || box.classList.contains("solo")) return;
    box.classList.add("solo");
    box.closest(".grid > *").classList.add("solo-cell");
    window.dispatchEvent(new Event("resize"));
  }

  // What a window without controls shows.
  function namePair() {
    const words = asked("pairs") || !asked("y") || !asked("x") ? "" : `${asked("y")} / ${asked("x")} · ${asked("timeframe") || "1s"}`;
    const place = byId("window-pair");
    if (place && place.textContent !== words) place.textContent = words;
  }

  setInterval(() => {
    if (!bare) return offerWindows();
    showOneChart();
    namePair();
  }, 500);

  // ---------------------------------------------------------------- following
  // Windows tell one another their pair when it changes. One that follows takes the pair of the
  // window that was worked in last, and asks for it when it opens.
  const channel = new BroadcastChannel("spreadscope");
  let worked = document.hasFocus() ? Date.now() : 0;
  let told = null;
  let taken = 0;

  const follows = () => asked("follow") === "1";
  const pair = () => ({ market: asked("market"), y: asked("y"), x: asked("x") });
  const tell = () => channel.postMessage({ ...pair(), worked });

  function watchPair() {
    const now = pair();
    if (!now.market || !now.y || !now.x || follows()) return;
    const text = JSON.stringify(now);
    if (told !== null && told !== text) {
      worked = Date.now();
      tell();
    }
    told = text;
  }

  channel.addEventListener("message", ({ data }) => {
    if (data.asks) {
      if (!follows() && pair().y) tell();
      return;
    }
    if (!follows() || data.worked < taken) return;
    taken = data.worked;
    const { market, y, x } = data;
    if (JSON.stringify(pair()) === JSON.stringify({ market, y, x })) return;
    setProps("focus", { data: { market, y, x, at: Date.now() } });
  });

  for (const event of ["focus", "pointerdown", "keydown"]) {
    window.addEventListener(event, () => (worked = Date.now()), true);
  }

  function showFollow() {
    const button = byId("follow-toggle");
    if (!button) return;
    button.setAttribute("aria-pressed", String(follows()));
    button.textContent = follows() ? "Follows the main window" : "Follow the main window";
  }

  function toggleFollow() {
    const link = new URL(window.location.href);
    if (follows()) link.searchParams.delete("follow");
    else link.searchParams.set("follow", "1");
    window.history.replaceState(window.history.state, "", link);
    [told, taken] = [null, 0];
    showFollow();
    if (follows()) channel.postMessage({ asks: true });
  }

  let began = false;
  setInterval(() => {
    watchPair();
    if (began || !asked("y")) return;
    began = true;
    showFollow();
    if (follows()) channel.postMessage({ asks: true });
  }, 250);

  // ---------------------------------------------------------------- comparing
  const text = (pairs) => pairs.map((pair) => pair.map(encodeURIComponent).join("~")).join(",");

  function compare() {
    const legs = [byId("leg-y").value, byId("leg-x").value];
    if (!legs[0] || !legs[1]) return;
    const tab = new URL(byId("tab-analytics").href);
    window.location.assign(`${tab.pathname}${tab.search}&pairs=${text([legs])}`);
  }

  function takeOut(pair) {
    const { data } = window.dash_component_api.getLayout("compared-pairs").props;
    setProps("compared-pairs", { data: data.filter((one) => text([one.slice(0, 2)]) !== pair) });
  }

  function writePairs(pairs) {
    const parts = window.location.search.slice(1).split("&");
    const rest = parts.filter((part) => part && !part.startsWith("pairs="));
    const search = `?${[...rest, `pairs=${text(pairs || [])}`].join("&")}`;
    if (asked("pairs") !== null) {
      window.history.replaceState(window.history.state, "", window.location.pathname + search);
    }
    return window.dash_clientside.no_update;
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    if (at("#compare-link")) compare();
    else if (at(".page-tools .window-button")) openWindow(null);
    else if (at("#follow-toggle")) toggleFollow();
    else if (at(".chip-out")) {
      takeOut(at(".chip-out").dataset.pair);
    }
    else if (at(".chip-link") && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      const { pathname, search } = new URL(at(".chip-link").href);
      const { queryWith } = window.dash_clientside.spreadscope;
      window.location.assign(`${pathname}?${queryWith(search.slice(1))}`);
    }
  });
  // The tab of Analytics leads out of a comparison, which is at the same path.
  document.addEventListener("click", (event) => {
    const tab = event.target.closest(".tabs .nav-link");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey);
    if (!tab || !plain || asked("pairs") === null) return;
    if (new URL(tab.href).pathname === window.location.pathname) window.location.assign(tab.href);
  }, true);

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.spreadscope = Object.assign({}, window.dash_clientside.spreadscope, {
    writePairs,
  });
})();
