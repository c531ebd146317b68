/* The answer line and the figures of the strip keep the height that their longest words took, so
   that what stands below stays where it is while they change. Another width, page or pair begins
   anew. */
(function () {
  "use strict";

  const KEPT = ["answer-line", "trust-figures"];

  const legs = () => {
    const asked = new URLSearchParams(window.location.search);
    return ["market", "y", "x"].map((name) => asked.get(name) || "").join(" ");
  };

  function keep(line) {
    const { width } = line.getBoundingClientRect();
    if (!width) return; // hidden while there is no connection
    const subject = `${Math.round(width)} ${window.location.pathname} ${legs()}`;
    if (line.dataset.subject !== subject) {
      line.dataset.subject = subject;
      line.style.minHeight = "";
    }
    const { height } = line.getBoundingClientRect();
    if (height > (parseFloat(line.style.minHeight) || 0)) line.style.minHeight = `${height}px`;
  }

  const sizes = new ResizeObserver((seen) => seen.forEach(({ target }) => keep(target)));
  const watched = new Map();

  new MutationObserver(() => {
    for (const id of KEPT) {
      const line = document.getElementById(id);
      const before = watched.get(id);
      if (line === before) continue;
      if (before) sizes.unobserve(before);
      watched.set(id, line);
      if (line) sizes.observe(line);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
