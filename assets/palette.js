/* The palette (Ctrl+K): symbols, pairs, views, pages, markets and actions, by the keyboard alone. */
(function () {
  "use strict";

  const { make, ask, byId } = window.spreadscope;
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const MOST = 40;
  const MOST_LEGS = 8;

  let entries = [];
  let symbols = [];
  let shown = [];
  let at = 0;

  // ---------------------------------------------------------------- what can be found
  const click = (id) => byId(id) && byId(id).click();
  const go = (link) => window.location.assign(link);

  // To the Analytics page with another pair; the server says what of the view is kept for it.
  function openPair(focus) {
    setProps("focus", { data: { ...focus, at: Date.now() } });
    window.dash_clientside.spreadscope.goOnceSeen("tab-analytics", focus);
  }

  function openSymbol(symbol, market) {
    const here = market === byId("market-select").value;
    const [y, x] = [byId("leg-y").value, byId("leg-x").value];
    openPair({ market, y: symbol, ...(here ? { x: symbol === x ? y : x } : {}) });
  }

  const pages = () =>
    [...document.querySelectorAll(".tabs .nav-link")].map((tab) => ({
      kind: "page", words: tab.firstChild.textContent, run: () => tab.click(),
    }));

  const action = (words, run) => ({ kind: "action", words, run });

  function actions() {
    const windows = [...document.querySelectorAll(".window-button")].map((button) =>
      action(button.getAttribute("aria-label"), () => button.click()),
    );
    // What the page in view has: a button that is there is there to be pressed.
    const onPair = [
      ["alert-here", "Arm an alert at |z| > threshold on this pair"],
      ["watch-pair", "Watch this pair, or no more"],
      ["lock-hedge", "Lock this hedge, or unlock it"],
    ].filter(([id]) => byId(id)).map(([id, words]) => action(words, () => click(id)));
    return [
      ...onPair,
      action("Save this page as a view", () => click("views-menu")),
      action("Compare this pair with others", () => click("compare-link")),
      ...windows,
      action("Swap the legs", () => click("swap-legs")),
      action("Dark or light", () => click("theme-toggle")),
      action("Freeze the charts, or let them go on", () => click("freeze-toggle")),
      action("z and the pair in the tab's title, or not", () => click("title-toggle")),
      action("Feed log", () => click("feed-log-toggle")),
      action("Keyboard shortcuts", () => click("help-toggle")),
    ];
  }

  async function gather() {
    const [saved, status] = await Promise.all([ask("/api/views"), ask("/api/status")]);
    const views = saved.views.map((view) => ({
      kind: "view", words: view.name, run: () => go(view.link),
    }));
    const here = byId("market-select").value;
    const markets = Object.entries(status.markets).sort(([one]) => (one === here ? -1 : 0));
    symbols = (status.markets[here] || { symbols: [] }).symbols;
    const named = markets.flatMap(([id, market]) =>
      market.symbols.map((symbol) => ({
        kind: id === here ? "symbol" : `symbol · ${market.title}`,
        words: symbol, run: () => openSymbol(symbol, id),
      })),
    );
    const others = markets.filter(([id]) => id !== here).map(([id, market]) => ({
      kind: "market", words: market.title, run: () => setProps("focus", { data: { market: id, at: Date.now() } }),
    }));
    entries = [...pages(), ...views, ...named, ...others, ...actions()];
  }

  // ---------------------------------------------------------------- finding
  // How well a word stands in a text: at its start, at a word's, inside, its letters in order.
  function fit(text, word) {
    const place = text.indexOf(word);
    if (place === 0) return 4;
    if (place > 0) return /[\s/._-]/.test(text[place - 1]) ? 3 : 2;
    let next = 0;
    for (const letter of text) if (letter === word[next]) next += 1;
    return word.length > 1 && next >= word.length ? 1 : 0;
  }

  function fits(text, words) {
    const each = words.map((word) => fit(text.toLowerCase(), word));
    return each.every(Boolean) ? each.reduce((sum, one) => sum + one, 0) - text.length / 1000 : 0;
  }

  const best = (list, textOf, words) =>
    list
      .map((one) => [fits(textOf(one), words), one])
      .filter(([score]) => score > 0)
      .sort(([one], [other]) => other - one)
      .map(([, one]) => one);

  function pairs(words) {
    const split = words.length === 1 ? words[0].split(/[/~]/).filter(Boolean) : words;
    if (split.length !== 2) return [];
    const [ys, xs] = split.map((word) => best(symbols, String, [word]).slice(0, MOST_LEGS));
    return ys
      .flatMap((y) => xs.filter((x) => x !== y).map((x) => ({ y, x })))
      .map((legs) => ({
        kind: "pair", words: `${legs.y} / ${legs.x}`,
        run: () => openPair({ ...legs, market: byId("market-select").value }),
      }));
  }

  function find(typed) {
    const words = typed.toLowerCase().split(/\s+/).filter((word) => word && !/^[/~]+$/.test(word));
    if (!words.length) return entries.slice(0, MOST);
    const plain = best(entries, (one) => one.words, words);
    return [...pairs(words), ...plain].slice(0, MOST);
  }

  // ---------------------------------------------------------------- the dialog
  function build(dialog) {
    const input = make("input", {
      id: "palette-input", type: "text", autocomplete: "off", spellcheck: false, maxLength: 140,
      placeholder: "Symbol, pair (btc eth), view or page", role: "combobox",
      "aria-label": "Find", "aria-autocomplete": "list", "aria-controls": "palette-list",
      "aria-expanded": "true",
    });
    const list = make("ul", { id: "palette-list", role: "listbox", "aria-label": "Found" });
    const told = make("p", { id: "palette-says", role: "status" });
    dialog.append(input, list, told);
    input.addEventListener("input", () => draw(input.value));
    input.addEventListener("keydown", onKey);
    list.addEventListener("click", ({ target }) => {
      const item = target.closest("[role=option]");
      if (item) choose(Number(item.dataset.place));
    });
    // The list never takes the focus from the field.
    list.addEventListener("mousedown", (event) => event.preventDefault());
  }

  function draw(typed) {
    shown = find(typed);
    byId("palette-list").replaceChildren(
      ...shown.map((one, place) =>
        make(
          "li", { id: `palette-${place}`, role: "option", "data-place": String(place) },
          make("bdi", { textContent: one.words }), make("small", { textContent: one.kind }),
        ),
      ),
    );
    byId("palette-says").textContent = shown.length
      ? `${shown.length === MOST ? `the first ${MOST}` : shown.length} found`
      : `nothing here is called “${typed}”`;
    mark(0);
  }

  function mark(place) {
    at = Math.max(0, Math.min(place, shown.length - 1));
    for (const item of byId("palette-list").children) {
      const chosen = item.dataset.place === String(at);
      item.setAttribute("aria-selected", String(chosen));
      if (chosen) item.scrollIntoView({ block: "nearest" });
    }
    const input = byId("palette-input");
    if (shown.length) input.setAttribute("aria-activedescendant", `palette-${at}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function onKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps) mark(at + steps[event.key]);
    else if (event.key === "Enter") choose(at);
    else return;
    event.preventDefault();
  }

  function choose(place) {
    if (!shown[place]) return;
    byId("palette-dialog").close();
    shown[place].run();
  }

  async function toggle() {
    const dialog = byId("palette-dialog");
    if (!dialog) return;
    if (dialog.open) return dialog.close();
    if (document.querySelector("dialog[open], .modal.show")) return;
    if (!byId("palette-input")) build(dialog);
    byId("palette-input").value = "";
    entries = [...pages(), ...actions()];
    draw("");
    dialog.showModal();
    byId("palette-input").focus();
    try {
      await gather();
      draw(byId("palette-input").value);
    } catch (error) {
      byId("palette-says").textContent = error.message;
    }
  }

  document.addEventListener("keydown", (event) => {
    const asked = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (!asked || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    toggle();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#palette-toggle")) toggle();
  });
})();
