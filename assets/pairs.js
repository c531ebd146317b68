/* The tables of Pairs: sparklines and links in cells, rows that change alone, keys on a row. */
(function () {
  "use strict";

  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const create = (...parts) => window.React.createElement(...parts);
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});

  // ---------------------------------------------------------------- cells
  const WIDTH = 112;
  const HEIGHT = 22;

  function pathOf(values) {
    const known = values.filter((one) => one !== null);
    const reach = Math.max(2, ...known.map(Math.abs));
    const step = WIDTH / Math.max(values.length - 1, 1);
    let path = "";
    let drawn = false;
    values.forEach((one, place) => {
      if (one === null) {
        drawn = false;
        return;
      }
      const y = (HEIGHT / 2) * (1 - one / reach) * 0.92 + HEIGHT * 0.04;
      path += `${drawn ? "L" : "M"}${(place * step).toFixed(1)} ${y.toFixed(1)}`;
      drawn = true;
    });
    return path;
  }

  cells.Sparkline = function (props) {
    const values = props.value || [];
    const known = values.filter((one) => one !== null);
    if (!known.length) return create("span", { className: "tone-muted" }, "–");
    const [first, last] = [known[0], known[known.length - 1]].map((z) => String(z).replace("-", "−"));
    const words = `z over ${values.length} bars, from ${first} to ${last}`;
    const middle = HEIGHT / 2;
    return create(
      "svg",
      { className: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words },
      create("line", { x1: 0, x2: WIDTH, y1: middle, y2: middle, className: "sparkline-zero" }),
      create("path", { d: pathOf(values) }),
    );
  };

  cells.PairLink = function (props) {
    const words = [props.value];
    if (props.data.own) {
      words.push(create("span", { key: "own", className: "tone-muted" }, ` · ${props.data.own}`));
    }
    if (props.data.new) words.push(create("span", { key: "new", className: "new-mark" }, " new"));
    return create("a", { href: props.data.href, className: "pair-link", tabIndex: -1 }, words);
  };

  const UNITS = [[864e5, "d"], [36e5, "h"], [6e4, "min"], [1e3, "s"]];

  functions.spanOfBars = function (params) {
    const bars = params.value;
    if (bars === null || bars === undefined) return "–";
    const shown = bars < 10 ? bars.toFixed(1) : Math.round(bars).toLocaleString("en-US");
    const ms = params.data.half_life_ms;
    const [size, unit] = UNITS.find(([one]) => ms >= one) || UNITS[3];
    const open = params.data.half_life_sure === false ? " or none" : "";
    return `${shown} bars (${(ms / size).toFixed(1)} ${unit})${open}`;
  };

  functions.pValue = function (params) {
    const value = params.value;
    if (value === null || value === undefined) return "–";
    if (value < 1e-6) return "< 1e-6";
    return value < 0.001 ? value.toExponential(0) : value.toFixed(3);
  };

  // ---------------------------------------------------------------- the watchlist's rows
  // Only what changed travels: a row's new fields, and the points that its line has got. Rows
  // are put together here and handed to the grid, which draws the cells that differ.
  const TABLE = "watch-table";
  const MOST_POINTS = 60;
  const ROW = 30;
  const FRAME = 56;
  const MOST_HEIGHT = 14 * ROW + FRAME;
  let rows = new Map();
  let held = 0; // the version that the rows are of
  let applying = Promise.resolve();

  function merged(before, change) {
    const row = { ...before, ...change };
    if (change.add) row.line = [...(before.line || []), ...change.add].slice(-MOST_POINTS);
    delete row.add;
    return row;
  }

  function changesOf(patch) {
    const add = [];
    const update = [];
    for (const change of patch.rows) {
      const before = rows.get(change.id);
      const row = merged(before || {}, change);
      rows.set(change.id, row);
      (before ? update : add).push(row);
    }
    const held = patch.pairs && new Set(patch.pairs);
    const remove = held ? [...rows.values()].filter((row) => !held.has(row.id)) : [];
    for (const row of remove) rows.delete(row.id);
    return { add, update, remove };
  }

  function fit(grid) {
    const empty = document.getElementById("watch-empty");
    if (empty) {
      empty.hidden = rows.size > 0;
      const words = empty.dataset.empty;
      if (empty.textContent !== words) setProps("watch-empty", { children: words });
    }
    if (grid) {
      grid.classList.toggle("collapsed", !rows.size);
      grid.style.height = rows.size ? `${Math.min(rows.size * ROW + FRAME, MOST_HEIGHT)}px` : "0";
    }
  }

  // A page that opens anew has a grid of its own under the same id, which comes a moment later.
  async function gridOf(id) {
    for (;;) {
      const api = await window.dash_ag_grid.getApiAsync(id);
      if (!api.isDestroyed()) return api;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  function openPair(opened) {
    if (opened && opened.link) window.location.assign(opened.link);
    else if (opened) window.dash_clientside.spreadscope.goOnceSeen("tab-analytics", opened);
    return window.dash_clientside.no_update;
  }

  async function apply(patch) {
    const api = await gridOf(TABLE);
    if (patch.since && patch.since !== held) {
      // One was missed: the next has all, and no answer is told by what the page holds.
      for (const store of ["pairs-seen", "cursor-pairs"]) setProps(store, { data: null });
      return;
    }
    if (!patch.since) {
      rows = new Map(patch.rows.map((row) => [row.id, row]));
      api.setGridOption("rowData", [...rows.values()]);
    } else {
      api.applyTransaction(changesOf(patch));
    }
    held = patch.version;
    fit(document.getElementById(TABLE));
  }

  function watchRows(patch) {
    if (patch) applying = applying.then(() => apply(patch)).catch(() => {});
    return window.dash_clientside.no_update;
  }

  // ---------------------------------------------------------------- a row and its keys
  const KEYS = { Enter: "open", a: "arm", w: "watch", x: "compare" };
  let marked = null; // the first row of a comparison, and the page's line of words then

  const placeOf = (row) => ({ table: row.closest(".pairs-grid").id, id: row.getAttribute("row-id") });

  function command(action, row, more) {
    setProps("pairs-command", { data: { action, ...placeOf(row), ...more, at: Date.now() } });
  }

  // The first of two rows is marked, the second opens both; the same row again is marked no more.
  function compare(row) {
    const { table, id } = placeOf(row);
    const says = document.getElementById("watch-says");
    const beside = marked && marked.says === says ? marked.place : null;
    marked = null;
    if (beside && (beside.table !== table || beside.id !== id)) {
      command("compare", row, { beside });
      return;
    }
    const [link] = document.querySelectorAll(`#${table} .ag-row[row-id="${CSS.escape(id)}"] .pair-link`);
    const name = link ? link.firstChild.textContent : "this pair";
    if (!beside) marked = { place: { table, id }, says };
    const words = beside ? `${name}: no longer marked` : `${name}: marked, X on another row compares them`;
    setProps("watch-says", { children: words });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = event.target.closest && event.target.closest(".pairs-grid .ag-row");
    const action = KEYS[event.key] || KEYS[event.key.toLowerCase()];
    if (!row || !action || event.target.closest("input, select")) return;
    event.preventDefault();
    if (action === "compare") compare(row);
    else command(action, row);
  });

  document.addEventListener("click", (event) => {
    const row = event.target.closest && event.target.closest(".pairs-grid .ag-row");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (String(window.getSelection()).length) return; // text was being selected
    event.preventDefault();
    command("open", row);
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.spreadscope = Object.assign({}, window.dash_clientside.spreadscope, {
    watchRows, openPair, alsoHere: (words) => words,
  });
})();
