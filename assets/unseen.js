/* Charts out of sight are drawn in turns, one at each answer of the server, and whole once they are
   scrolled to: all of them at each answer cost a tab of Analytics half a core. Of a page that nobody
   sees none is drawn until somebody does. */
(function () {
  "use strict";

  const waiting = new Map(); // by a chart's id: its element, and the figure that it is to show
  const sights = new WeakMap();
  const byId = (id) => document.getElementById(id);

  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      sights.set(target, isIntersecting);
      if (isIntersecting) draw(target.id);
    }
  }, { rootMargin: "200px 0px" });

  // A chart that was not met before counts as seen: what a page shows first is drawn at once.
  function seen(id) {
    const element = byId(id);
    if (!element) return true;
    if (!sights.has(element)) {
      sights.set(element, true);
      watcher.observe(element);
    }
    return sights.get(element) && !document.hidden;
  }

  // The figure that a chart is to show, where another is drawn yet.
  function held(id) {
    const kept = waiting.get(id);
    return kept && kept.element === byId(id) ? kept.figure : null;
  }

  function forget(id) {
    waiting.delete(id);
  }

  function draw(id) {
    const figure = held(id);
    forget(id);
    if (figure) window.dash_clientside.set_props(id, { figure });
  }

  // A copy with other values at some paths; what no path touches is the same object.
  function assigned(figure, operations) {
    const made = { ...figure };
    const copies = new Set([made]);
    for (const { location, params } of operations) {
      let part = made;
      for (const step of location.slice(0, -1)) {
        const below = part[step];
        if (!copies.has(below)) {
          part[step] = Array.isArray(below) ? [...below] : { ...below };
          copies.add(part[step]);
        }
        part = part[step];
      }
      part[location[location.length - 1]] = params.value;
    }
    return made;
  }

  // What the answer sets of a chart: its change, or nothing while it is out of sight.
  function change(id, figure, patch) {
    const kept = held(id);
    if (seen(id)) {
      forget(id);
      return kept ? assigned(figure, patch.operations) : patch;
    }
    // Who waits already keeps its place.
    waiting.set(id, { element: byId(id), figure: assigned(figure, patch.operations) });
    return undefined;
  }

  // Who waits longest is drawn; what is folded waits until it opens.
  function turn() {
    if (document.hidden) return undefined;
    for (const [id, { element }] of waiting) {
      if (element !== byId(id)) forget(id);
      else if (element.offsetParent) return draw(id);
    }
    return undefined;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const [id, { element }] of waiting) if (sights.get(element)) draw(id);
  });
  window.addEventListener("beforeprint", () => [...waiting.keys()].forEach(draw));
  window.spreadscopeUnseen = { held, forget, change, turn };
})();
