/* The tables of a page: how they are sorted stands in the link
   ("sort=scan-table.z.desc,trades-table.net.asc"), no selection is lost, and their memory is bounded. */
(function () {
  "use strict";

  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});

  // A figure that is not known stands at the end, whichever way a table is sorted.
  functions.emptyLast = function (one, other, _one, _other, falls) {
    const [left, right] = [one, other].map((value) => value === null || value === undefined);
    if (left || right) return (left - right) * (falls ? -1 : 1);
    return one < other ? -1 : Number(one > other);
  };

  // A figure as text/numbers.py writes it: a true minus, no sign before a zero, a space before "%".
  functions.figure = (text) =>
    text.replace(/^-/, "−").replace(/^[−+](?=[0,.]*%?$)/, "").replace(/%$/, " %");

  // A ratio with its standard error as text/backtest.py writes them: no decimals from 100 on.
  functions.estimate = function (value, error) {
    const known = error !== null && error !== undefined;
    const digits = Math.max(Math.abs(value), known ? error : 0) >= 100 ? 0 : 2;
    const look = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    const write = (number) => functions.figure(number.toLocaleString("en", look));
    return write(value) + (known ? ` ± ${write(error)}` : "");
  };

  const PART = /^([\w-]+)\.([\w-]+)\.(asc|desc)$/;
  const sorts = new Map();
  const wired = new WeakSet();

  for (const part of (new URLSearchParams(window.location.search).get("sort") || "").split(",")) {
    const [, table, column, sort] = PART.exec(part) || [];
    if (table) sorts.set(table, [...(sorts.get(table) || []), { colId: column, sort }]);
  }

  const inLink = () =>
    [...sorts].flatMap(([table, columns]) => columns.map(({ colId, sort }) => `${table}.${colId}.${sort}`));

  function keep(table, api) {
    const columns = api.getColumnState().filter(({ sort }) => sort)
      .sort((one, other) => one.sortIndex - other.sortIndex)
      .map(({ colId, sort }) => ({ colId, sort }));
    if (columns.length) sorts.set(table, columns);
    else sorts.delete(table);
    window.dash_clientside.spreadscope.refreshLink();
  }

  // With new rows the grid selects again what Dash knew, and Dash hears of a selection later: a row
  // that is selected just then would be lost. So Dash is told of what a hand selects at once.
  const BY_HAND = new Set(["checkboxSelected", "rowClicked", "spaceKey", "uiSelectAll"]);

  function tell(table, { source, selectedNodes }) {
    if (!BY_HAND.has(source)) return;
    const selectedRows = selectedNodes.map(({ data }) => data);
    window.dash_clientside.set_props(table, { selectedRows });
  }

  // With every change of a row's data AG Grid hands React states that the row has already, and React
  // keeps each until that row is drawn for another reason: a table that changes twice a second would
  // grow without end. So its rows are drawn anew in turns, but for the one that somebody is at, and
  // then what is around them, which an option that changes and changes back has drawn. That draws
  // all rows: it waits while somebody is at one, since it would take the keyboard from them.
  const TURN_MS = 2_000;

  function drawInTurns(grid, api) {
    let turn = 0;
    const timer = setInterval(() => {
      if (api.isDestroyed()) {
        clearInterval(timer);
        return;
      }
      const nodes = api.getRenderedNodes();
      if (!nodes.length) return;
      turn = (turn + 1) % nodes.length;
      if (turn === 0 && !grid.querySelector(".ag-row:is(:focus-within, :active)")) {
        const selectable = api.getGridOption("enableCellTextSelection");
        for (const value of [!selectable, selectable]) {
          api.setGridOption("enableCellTextSelection", value);
        }
      }
      const row = `[row-id="${CSS.escape(nodes[turn].id)}"]`;
      const taken = grid.querySelector(`${row}:is(:hover, :focus-within, :active)`);
      if (!taken) api.redrawRows({ rowNodes: [nodes[turn]] });
    }, TURN_MS);
  }

  async function wire(grid) {
    const api = await window.dash_ag_grid.getApiAsync(grid.id);
    if (api.isDestroyed()) return;
    const held = sorts.get(grid.id);
    if (held) {
      const state = held.map((column, sortIndex) => ({ ...column, sortIndex }));
      api.applyColumnState({ state, defaultState: { sort: null } });
    }
    api.addEventListener("sortChanged", () => keep(grid.id, api));
    api.addEventListener("selectionChanged", (event) => tell(grid.id, event));
    drawInTurns(grid, api);
  }

  new MutationObserver(() => {
    for (const grid of document.querySelectorAll(".ag-theme-spreadscope[id]")) {
      if (wired.has(grid) || !window.dash_ag_grid || !grid.querySelector(".ag-root")) continue;
      wired.add(grid);
      wire(grid);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });

  window.spreadscopeSorts = { inLink: () => inLink().join(",") };
})();
