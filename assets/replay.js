/* The slider of a replay: made here, so that no update pulls the handle from a hand. */
(function () {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const WHOLE = 1000;

  let held = null;
  let dragging = false;
  let speed = null;
  let offered = null;

  const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
  const day = (ms) => new Date(ms).toISOString().slice(0, 10);

  function say(position) {
    const share = (position - held.first) / Math.max(held.last - held.first, 1);
    const time = `${clock(position)} UTC · ${Math.floor(100 * share)} %`;
    byId("replay-day").textContent = day(position);
    byId("replay-time").textContent = time;
    byId("replay-range").setAttribute("aria-valuetext", `${day(position)} ${time}`);
  }

  const place = (range) =>
    Math.round(held.first + ((held.last - held.first) * Number(range.value)) / WHOLE);

  function slider() {
    const known = byId("replay-range");
    if (known) return known;
    const range = document.createElement("input");
    range.type = "range";
    range.id = "replay-range";
    range.max = WHOLE;
    range.step = "any";
    range.setAttribute("aria-label", "Position of the replay");
    range.addEventListener("input", () => {
      dragging = true;
      say(place(range));
    });
    range.addEventListener("change", () => {
      dragging = false;
      setProps("replay-seek-to", { data: { position: place(range), at: Date.now() } });
    });
    byId("replay-seek").append(range);
    return range;
  }

  // A replay that was started over HTTP may have a speed that the list has not.
  function showSpeed(asked) {
    speed = asked;
    const value = String(asked);
    offered = offered || [...byId("replay-speed").options].map(({ value, label }) => ({ value, label }));
    const known = offered.some((one) => one.value === value);
    const options = known ? offered : [...offered, { value, label: `${value}x` }];
    options.sort((one, other) => one.value - other.value);
    setProps("replay-speed", { options, value });
  }

  function showReplay(state) {
    const bar = byId("replay-bar");
    if (!bar) return window.dash_clientside.no_update;
    bar.hidden = !state;
    held = state || null;
    if (!state) return window.dash_clientside.no_update;
    const range = slider();
    if (!dragging) {
      range.value = (WHOLE * (state.position - state.first)) / Math.max(state.last - state.first, 1);
      say(state.position);
    }
    const playing = state.state === "playing";
    const what = playing ? "Pause (K)" : state.state === "paused" ? "Play (K)" : "Play again (K)";
    const toggle = byId("replay-toggle");
    toggle.textContent = playing ? "❚❚" : "▶";
    toggle.title = what;
    toggle.setAttribute("aria-label", what);
    byId("replay-end").disabled = !playing && state.state !== "paused";
    if (state.speed !== speed) showSpeed(state.speed);
    return window.dash_clientside.no_update;
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.spreadscope = Object.assign({}, window.dash_clientside.spreadscope, {
    showReplay,
  });
})();
