/* What is in sight of a chart over time: its y range and edge labels follow the zoom, one crosshair
   goes through all charts of a page, a click on a marker zooms to it, a threshold can be dragged. */
(function () {
  "use strict";

  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const inMs = (one) =>
    typeof one === "number" ? one : Number(new Date(`${String(one).replace(" ", "T")}Z`));
  const chartOf = (plot) => plot.closest(".dash-graph") || plot.parentElement;
  const overTime = (plot) => Boolean(plot._fullLayout && plot._fullLayout.xaxis && plot._fullLayout.xaxis.type === "date");
  const timePlots = () => [...document.querySelectorAll(".js-plotly-plot")].filter(overTime);

  // ---------------------------------------------------------------- rows of a trace
  const count = (trace) => (trace.y || trace.close || []).length;
  const timeAt = (trace, row) =>
    trace.x ? inMs(trace.x[row]) : inMs(trace.x0) + row * trace.dx;

  // The last row at or before a time; its times ascend.
  function rowAt(trace, at) {
    let low = 0;
    let high = count(trace);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (timeAt(trace, middle) <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  function valueAt(trace, at) {
    for (let row = rowAt(trace, at); row >= 0; row -= 1) {
      const value = trace.y[row];
      if (value !== null && Number.isFinite(Number(value))) return Number(value);
    }
    return NaN;
  }

  // ---------------------------------------------------------------- y follows what is seen
  const own = new WeakSet(); // plots whose y range somebody chose by hand
  const fitted = new WeakSet();

  function extent(plot, from, to) {
    let [low, high] = [Infinity, -Infinity];
    for (const trace of plot._fullData) {
      const columns = trace.close ? [trace.low, trace.high] : [trace.y];
      for (const column of columns) {
        for (let row = 0; column && row < column.length; row += 1) {
          const value = column[row];
          if (value === null || !Number.isFinite(Number(value))) continue;
          const at = timeAt(trace, row);
          if (at < from || at > to) continue;
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      }
    }
    return low <= high ? [low, high] : null;
  }

  // Rounded outwards to steps of 1, 2 or 5, as figures/axes.py rounds: the axis moves seldom.
  function rounded([low, high]) {
    const span = high - low || Math.abs(low) * 0.04 || 1;
    const rough = span / 20;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((size) => size * power).find((size) => size >= rough * 0.96);
    return [Math.floor((low - 0.06 * span) / step) * step, Math.ceil((high + 0.06 * span) / step) * step];
  }

  function fitY(plot) {
    const { xaxis, yaxis } = plot._fullLayout;
    if (yaxis.type !== "linear" || own.has(plot)) return {};
    if (xaxis.autorange) {
      if (!fitted.has(plot)) return {};
      fitted.delete(plot);
      return yaxis.autorange ? {} : { "yaxis.autorange": true };
    }
    let ends = extent(plot, ...xaxis.range.map(inMs));
    if (!ends) return {};
    const { keep, even } = plot._fullLayout.meta || {};
    if (keep) ends = [Math.min(ends[0], ...keep), Math.max(ends[1], ...keep)];
    ends = rounded(ends);
    if (even) {
      const reach = Math.max(...ends.map(Math.abs));
      ends = [-reach, reach];
    }
    const most = yaxis.autorangeoptions || {};
    if (Number.isFinite(most.minallowed)) ends[0] = Math.max(ends[0], most.minallowed);
    if (Number.isFinite(most.maxallowed)) ends[1] = Math.min(ends[1], most.maxallowed);
    fitted.add(plot);
    const near = Math.abs(ends[1] - ends[0]) * 1e-6;
    const same = ends.every((end, place) => Math.abs(end - yaxis.range[place]) < near);
    return ends[0] < ends[1] && !(same && !yaxis.autorange) ? { "yaxis.range": ends } : {};
  }

  // Labels of times have room for each other.
  function ticks(plot) {
    const { xaxis } = plot._fullLayout;
    const most = Math.max(2, Math.min(7, Math.floor(xaxis._length / 92)));
    return xaxis.nticks === most ? {} : { "xaxis.nticks": most };
  }

  // ---------------------------------------------------------------- edge labels
  const told = (annotation) => {
    if (!annotation.name || !annotation.name.startsWith("{\"edge\"")) return null;
    return JSON.parse(annotation.name);
  };

  function written(value, { digits, signed }) {
    const size = Math.abs(value).toLocaleString("en-US", {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    });
    const zero = !/[1-9]/.test(size);
    return `${zero ? "" : value < 0 ? "−" : signed ? "+" : ""}${size}`;
  }

  const traceOf = (plot, name) => plot._fullData.find((trace) => trace.name === name && count(trace));

  // Places as near to those wanted as they fit, by pooling neighbours, as figures/marks.py does.
  function spreadOut(wanted, heights, room) {
    const bottoms = heights.map((_, place) => heights.slice(0, place).reduce((sum, one) => sum + one, 0));
    const blocks = [];
    wanted.forEach((place, index) => {
      let [middle, size] = [place - bottoms[index] - heights[index] / 2, 1];
      while (blocks.length && blocks[blocks.length - 1][0] > middle) {
        const [below, held] = blocks.pop();
        middle = (middle * size + below * held) / (size + held);
        size += held;
      }
      blocks.push([middle, size]);
    });
    const most = Math.max(0, room - heights.reduce((sum, one) => sum + one, 0));
    const free = blocks.flatMap(([middle, size]) => Array(size).fill(Math.min(Math.max(middle, 0), most)));
    return free.map((start, index) => start + bottoms[index] + heights[index] / 2);
  }

  function labels(plot, change) {
    const { xaxis, yaxis } = plot._fullLayout;
    const zoomed = !xaxis.autorange;
    const range = change["yaxis.range"] || (change["yaxis.autorange"] ? null : yaxis.range);
    if (!zoomed && !plot.dataset.labelled) return {};
    plot.dataset.labelled = zoomed ? "yes" : "";
    if (!range) return {};
    const at = zoomed ? inMs(xaxis.range[1]) : Infinity;
    const marks = [];
    (plot.layout.annotations || []).forEach((annotation, place) => {
      const label = told(annotation);
      if (!label) return;
      const trace = label.edge && traceOf(plot, label.edge);
      const mark = { place, lines: label.lines, text: annotation.text, y: Number(annotation.y), annotation };
      if (trace) {
        const value = valueAt(trace, at);
        if (!Number.isFinite(value)) return;
        const small = yaxis.type === "log" && value < 0.001;
        mark.y = yaxis.type === "log" ? Math.log10(value) : value;
        mark.text = label.words.replace("{}", small ? "< 0.001" : written(value, label));
      }
      marks.push(mark);
    });
    const clamp = (y) => Math.min(Math.max(y, range[0]), range[1]);
    marks.sort((one, other) => one.y - other.y);
    const height = yaxis._length;
    const wanted = marks.map(({ y }) => ((clamp(y) - range[0]) / (range[1] - range[0])) * height);
    const places = spreadOut(wanted, marks.map(({ lines }) => lines * 15), height);
    const moved = {};
    marks.forEach(({ place, text, y, annotation }, index) => {
      const shift = Math.round((places[index] - wanted[index]) * 10) / 10;
      const key = `annotations[${place}]`;
      if (annotation.text !== text) moved[`${key}.text`] = text;
      if (Number(annotation.y) !== clamp(y)) moved[`${key}.y`] = clamp(y);
      if (Math.abs(Number(annotation.yshift) - shift) > 0.5) moved[`${key}.yshift`] = shift;
    });
    return moved;
  }

  // ---------------------------------------------------------------- after each drawing
  const busy = new WeakSet();

  function follow(plot) {
    if (!overTime(plot) || busy.has(plot)) return;
    const fit = fitY(plot);
    const change = { ...fit, ...ticks(plot), ...labels(plot, fit) };
    if (Object.keys(change).length) {
      busy.add(plot);
      window.Plotly.relayout(plot, change).finally(() => {
        busy.delete(plot);
        grips(plot);
      });
    }
    grips(plot);
    oneTabStop(plot);
  }

  function onRelayout(plot, event) {
    if (busy.has(plot)) return;
    const byHand = event["yaxis.range[0]"] !== undefined;
    if (byHand && event["xaxis.range[0]"] !== undefined) own.add(plot);
    if (event["xaxis.autorange"] || event["xaxis.range"]) own.delete(plot);
    follow(plot);
  }

  // The buttons of a chart are one stop of the Tab key; the arrows go on among them.
  function oneTabStop(plot) {
    plot.querySelectorAll(".modebar-btn").forEach((button, place) => {
      button.setAttribute("tabindex", place ? "-1" : "0");
    });
  }

  function onArrow(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const button = event.target.closest && event.target.closest(".modebar-btn");
    if (!step || !button) return;
    const all = [...button.closest(".modebar").querySelectorAll(".modebar-btn")];
    const next = all[(all.indexOf(button) + step + all.length) % all.length];
    all.forEach((one) => one.setAttribute("tabindex", one === next ? "0" : "-1"));
    next.focus();
    event.preventDefault();
  }

  // ---------------------------------------------------------------- one crosshair
  function lineIn(plot) {
    let line = plot.querySelector(":scope > .crosshair");
    if (!line) {
      line = document.createElement("div");
      line.className = "crosshair";
      plot.append(line);
    }
    return line;
  }

  function readout() {
    let box = document.querySelector(".crosshair-readout");
    if (!box) {
      box = document.createElement("div");
      box.className = "crosshair-readout";
      box.setAttribute("aria-hidden", "true");
      document.body.append(box);
    }
    return box;
  }

  const plain = (html) => html.replace(/<br>/g, " ").replace(/<[^>]*>/g, "")
    .replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

  function wordsAt(plot, at) {
    const values = (plot.layout.annotations || []).map(told).filter((label) => label && label.edge)
      .map((label) => [label, traceOf(plot, label.edge)])
      .filter(([, trace]) => trace && rowAt(trace, at) >= 0)
      .map(([label, trace]) => [label, valueAt(trace, at)])
      .filter(([, value]) => Number.isFinite(value))
      .map(([label, value]) => plain(label.words.replace("{}", written(value, label))));
    const title = plot._fullLayout.title.text;
    return values.length ? `${title} ${values.join(", ")}` : "";
  }

  function showCrosshair(source, at) {
    const plots = timePlots();
    for (const plot of plots) {
      const { xaxis, yaxis } = plot._fullLayout;
      const place = xaxis.l2p(at);
      const line = lineIn(plot);
      line.hidden = plot === source || !(place >= 0 && place <= xaxis._length);
      line.style.left = `${xaxis._offset + place}px`;
      line.style.top = `${yaxis._offset}px`;
      line.style.height = `${yaxis._length}px`;
    }
    const time = new Date(at).toISOString().slice(11, 19);
    const parts = plots.map((plot) => wordsAt(plot, at)).filter(Boolean);
    const box = readout();
    box.textContent = [`${time} UTC`, ...parts].join(" · ");
    box.hidden = plots.length < 2;
  }

  function hideCrosshair() {
    for (const line of document.querySelectorAll(".crosshair")) line.hidden = true;
    readout().hidden = true;
  }

  // ---------------------------------------------------------------- a click on a marker
  const NEAR_PX = 10;
  const BARS_AROUND = 60;
  let pressed = null;

  function barMs() {
    const select = document.getElementById("timeframe");
    const [, size, unit] = /(\d+)([smhd])/.exec((select && select.value) || "1s") || [0, 1, "s"];
    return Number(size) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[unit];
  }

  function zoomAround(from, to = from) {
    const room = BARS_AROUND * barMs();
    return window.dash_clientside.spreadscope.zoomTo(from - room, to + room);
  }

  function markerAt(plot, event) {
    const { xaxis, yaxis } = plot._fullLayout;
    const box = plot.getBoundingClientRect();
    const at = [event.clientX - box.left - xaxis._offset, event.clientY - box.top - yaxis._offset];
    let best = null;
    for (const trace of plot._fullData) {
      if (trace.mode !== "markers" || trace.visible === false) continue;
      for (let row = 0; row < count(trace); row += 1) {
        const time = timeAt(trace, row);
        const far = Math.hypot(xaxis.l2p(time) - at[0], yaxis.l2p(trace.y[row]) - at[1]);
        if (far <= NEAR_PX && (!best || far < best.far)) best = { far, time };
      }
    }
    return best && best.time;
  }

  function onDown(event) {
    // While a button is down plotly.js covers the page: where it went down tells the plot.
    const plot = event.target.closest && event.target.closest(".nsewdrag")
      && event.target.closest(".js-plotly-plot");
    pressed = plot ? { plot, left: event.clientX, top: event.clientY } : null;
  }

  function onUp(event) {
    const from = pressed;
    pressed = null;
    const plot = from && from.plot;
    if (!plot || !overTime(plot) || plot._fullLayout.yaxis.type !== "linear") return;
    if (Math.hypot(event.clientX - from.left, event.clientY - from.top) > 4) return;
    const time = markerAt(plot, event);
    if (time) zoomAround(time);
  }

  // ---------------------------------------------------------------- a threshold that is dragged
  const DRAGGED = {
    "zscore-chart": "z-threshold",
    "alert-zscore-chart": "z-threshold",
    "backtest-zscore-chart": "entry-z",
  };

  function grip(plot, control, side) {
    const found = plot.querySelector(`:scope > .threshold-grip[data-side="${side}"]`);
    if (found) return found;
    const made = document.createElement("div");
    made.className = "threshold-grip";
    made.dataset.side = side;
    made.title = "Drag to move the threshold";
    made.addEventListener("pointerdown", (event) => dragStart(plot, control, made, event));
    if (side === "1") {
      made.tabIndex = 0;
      made.setAttribute("role", "slider");
      made.setAttribute("aria-label", control === "entry-z" ? "Entry |z|" : "z threshold");
      made.setAttribute("aria-orientation", "vertical");
      made.setAttribute("aria-valuemin", "0.1");
      made.setAttribute("aria-valuemax", "20");
      made.addEventListener("keydown", (event) => {
        const step = { ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
        if (!step) return;
        event.preventDefault();
        // The control is ahead of the chart, which is drawn when the server answers.
        const now = Number((document.getElementById(control) || {}).value);
        setLevel(control, (now || Number(made.getAttribute("aria-valuenow"))) + step);
      });
    } else {
      made.setAttribute("aria-hidden", "true");
    }
    plot.append(made);
    return made;
  }

  function setLevel(control, value) {
    const level = String(Math.round(Math.min(Math.max(value, 0.1), 20) * 100) / 100);
    setProps(control, { value: level });
  }

  function grips(plot) {
    const control = DRAGGED[chartOf(plot).id];
    const level = plot._fullLayout.meta && plot._fullLayout.meta.keep && plot._fullLayout.meta.keep[1];
    const found = plot.querySelectorAll(":scope > .threshold-grip");
    if (!control || !level || !plot._fullData.length) {
      found.forEach((one) => one.remove());
      return;
    }
    const { xaxis, yaxis } = plot._fullLayout;
    for (const side of ["1", "-1"]) {
      const one = grip(plot, control, side);
      if (one.dataset.dragging) continue;
      const top = yaxis.l2p(Number(side) * level);
      one.hidden = !(top >= 0 && top <= yaxis._length);
      one.style.left = `${xaxis._offset + xaxis._length - 26}px`;
      one.style.top = `${yaxis._offset + top - 6}px`;
      one.setAttribute("aria-valuenow", String(level));
    }
  }

  function dragStart(plot, control, handle, event) {
    event.preventDefault();
    event.stopPropagation();
    handle.setPointerCapture(event.pointerId);
    handle.dataset.dragging = "yes";
    const { xaxis, yaxis } = plot._fullLayout;
    const line = document.createElement("div");
    line.className = "threshold-line";
    line.style.left = `${xaxis._offset}px`;
    line.style.width = `${xaxis._length}px`;
    plot.append(line);
    const levelAt = (one) => {
      const top = one.clientY - plot.getBoundingClientRect().top - yaxis._offset;
      return Math.abs(yaxis.p2l(Math.min(Math.max(top, 0), yaxis._length)));
    };
    const move = (one) => {
      const level = Math.max(levelAt(one), 0.1);
      const top = yaxis._offset + yaxis.l2p(Number(handle.dataset.side) * level);
      handle.style.top = `${top - 6}px`;
      line.style.top = `${top}px`;
      line.textContent = `|z| > ${level.toFixed(2)}`;
    };
    const end = (one) => {
      handle.removeEventListener("pointermove", move);
      delete handle.dataset.dragging;
      line.remove();
      if (one.type === "pointerup") setLevel(control, levelAt(one));
      grips(plot);
    };
    move(event);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", end, { once: true });
    handle.addEventListener("pointercancel", end, { once: true });
  }

  // ---------------------------------------------------------------- wiring
  function watch() {
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      if (plot.dataset.sighted || typeof plot.on !== "function") continue;
      plot.dataset.sighted = "yes";
      plot.on("plotly_afterplot", () => follow(plot));
      plot.on("plotly_relayout", (event) => onRelayout(plot, event));
      plot.on("plotly_hover", (event) => {
        if (overTime(plot)) showCrosshair(plot, inMs(event.points[0].x)); // the bar that is named
      });
      plot.on("plotly_unhover", hideCrosshair);
      follow(plot);
    }
  }

  // The row of a table that was chosen: its details below, its times on the charts. A table tells
  // the same row anew with every refresh, which zooms to nothing; each click on it does. By the
  // table's element: one that is made anew has shown nothing yet.
  const shownRows = new WeakMap();

  function showRow(rows, clicked, table) {
    const row = rows && rows[0];
    const grid = document.getElementById(table);
    const before = shownRows.get(grid) || {};
    const now = { id: row && row.id, at: clicked && clicked.timestamp };
    if (grid) shownRows.set(grid, now);
    if (!row) return null;
    const again = clicked && now.at !== before.at && clicked.rowId === row.id;
    const zooms = row.id !== before.id || again;
    if (zooms && row.from_ms && timePlots().length) zoomAround(row.from_ms, row.to_ms || row.from_ms);
    const part = (type, children) => ({ type, namespace: "dash_html_components", props: { children } });
    const parts = (row.details || []).map(([label, words]) =>
      part("Div", [part("Dt", label), part("Dd", words)]));
    return part("Dl", parts);
  }

  document.addEventListener("mousedown", onDown, true);
  document.addEventListener("mouseup", onUp, true);
  document.addEventListener("keydown", onArrow);
  new MutationObserver(watch).observe(document.documentElement, { childList: true, subtree: true });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.spreadscope = Object.assign({}, window.dash_clientside.spreadscope, { showRow });
})();
