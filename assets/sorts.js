/* How the tables of a page are sorted, in the link: "sort=scan-table.z.desc,trades-table.net.asc". */
(function () {
  "use strict";

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

  async function wire(grid) {
    const api = await window.dash_ag_grid.getApiAsync(grid.id);
    if (api.isDestroyed()) return;
    const held = sorts.get(grid.id);
    if (held) {
      const state = held.map((column, sortIndex) => ({ ...column, sortIndex }));
      api.applyColumnState({ state, defaultState: { sort: null } });
    }
    api.addEventListener("sortChanged", () => keep(grid.id, api));
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
