/* How often a page asks: an interval stands still while an answer to a call that it takes part in is
   on its way. Dash drops the answer to a call when the next one is made before it comes, so calls
   that are closer together than their answers take would leave the page as it was for ever. */
(function () {
  "use strict";

  const RETRY_MS = 1_000;
  // An answer that breaks off is neither told nor an error: it is waited for no longer than this,
  // and twice as long from then on, since it might have been late.
  const pace = { patienceMs: 15_000 };
  // What waits longer than this is awaited still, but the page says that its figures are old.
  const LATE_MS = 5_000;
  const MOST_MS = 240_000;
  // By an interval's id: the calls whose answers are awaited, and the time at which each was made.
  const flights = new Map();
  // By an interval's id: the timer of its next tick. How soon after an answer it is being drawn.
  const timers = new Map();
  const SETTLE_MS = 50;
  // A page that nobody sees asks once in so many intervals; its tab's title, which is seen, does not.
  const UNSEEN = 4;
  const lengthOf = (id, interval) =>
    interval * (id === "live-interval" && document.hidden ? UNSEEN : 1);

  const { laidOut } = window.spreadscope;
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const intervals = (inputs) =>
    inputs.flat().filter(({ property }) => property === "n_intervals").map(({ id }) => id);

  function flightsOf(id) {
    if (!flights.has(id)) flights.set(id, new Map());
    return flights.get(id);
  }

  function setDisabled(id, disabled) {
    if (laidOut(id)) setProps(id, { disabled });
  }

  function sent(payload) {
    for (const id of intervals(payload.inputs)) {
      flightsOf(id).set(payload, performance.now());
      setDisabled(id, true);
    }
  }

  // The next tick, at once: an interval that is enabled would wait for its whole length first. One
  // that has no tick left was switched off meanwhile.
  function tick(id) {
    const interval = laidOut(id);
    if (!interval || flightsOf(id).size) return;
    const { n_intervals: ticks = 0, max_intervals: most = -1 } = interval.props;
    const next = most < 0 || ticks < most ? { n_intervals: ticks + 1 } : {};
    setProps(id, { ...next, disabled: false });
  }

  // A page asks once an interval, whatever its answer took; but the server is left in peace for as
  // long as it let the page wait, and the user the browser for as long as it drew, an interval at most.
  function goOn(id, asked, least_ms) {
    const came = performance.now();
    const then = (time, go) => {
      clearTimeout(timers.get(id));
      timers.set(id, setTimeout(go, time - performance.now()));
    };
    then(came + SETTLE_MS, () => {
      const interval = laidOut(id);
      if (!interval) return;
      const length = lengthOf(id, interval.props.interval);
      const drawn = performance.now(); // a browser that draws keeps this waiting
      const rests = [came + Math.min(length, came - asked), drawn + Math.min(length, drawn - came)];
      then(Math.max(asked + length, came + least_ms, ...rests), () => tick(id));
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const [id, timer] of timers) {
      clearTimeout(timer);
      tick(id);
    }
  });

  // payload: of the call that was answered; Dash does not tell it of one that failed.
  function came(inputs, payload, online) {
    for (const id of intervals(inputs)) {
      const calls = flightsOf(id);
      const [oldest] = calls.keys();
      const call = payload || oldest;
      const asked = calls.get(call) || performance.now();
      calls.delete(call);
      goOn(id, asked, online ? 0 : RETRY_MS);
    }
  }

  function connected(online) {
    document.body.classList.toggle("offline", !online);
  }

  function sayIfLate() {
    const oldest = performance.now() - LATE_MS;
    const late = [...flights.values()].some((calls) => [...calls.values()].some((at) => at < oldest));
    document.body.classList.toggle("late", late);
  }

  // For undo buttons, which this app does not show, Dash notes every tick, and has no limit to it.
  function forgetTicks() {
    if (window.store) window.store.getState().history.past.length = 0;
  }

  setInterval(() => {
    forgetTicks();
    const oldest = performance.now() - pace.patienceMs;
    for (const [id, calls] of flights) {
      const late = [...calls].filter(([, time]) => time < oldest);
      if (!late.length) continue;
      for (const [payload] of late) calls.delete(payload);
      pace.patienceMs = Math.min(2 * pace.patienceMs, MOST_MS);
      connected(false);
      goOn(id, oldest, 0);
    }
    sayIfLate();
  }, RETRY_MS);

  // What only the newest values decide is asked again when nobody answered: what was clicked or
  // typed meanwhile is heeded as soon as the server is there, not at some later change.
  const ASKED_AGAIN = /\b(view|heeded|strategy|scan-rules)\.data\b/;

  function callbackResolved({ clientside_function, inputs, output, running }, { error, payload }) {
    if (clientside_function) return;
    // An answer of the server, also a refusal, is no Error: only a request without answer is.
    const online = !(error instanceof Error);
    connected(online);
    came(inputs, payload, online);
    sayIfLate();
    if (online) return;
    // Dash leaves a button off that is off while its callback runs.
    for (const [place, value] of Object.entries((running || {}).runningOff || {})) {
      const [id, property] = place.split(".");
      if (laidOut(id)) setProps(id, { [property]: value });
    }
    if (!ASKED_AGAIN.test(output)) return;
    const { id, property } = inputs[inputs.length - 1];
    setTimeout(() => {
      const control = laidOut(id);
      if (control) setProps(id, { [property]: control.props[property] });
    }, RETRY_MS);
  }

  window.spreadscopePace = Object.assign(pace, { sent });
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.spreadscope = Object.assign({}, window.dash_clientside.spreadscope, {
    callbackResolved,
  });
})();
