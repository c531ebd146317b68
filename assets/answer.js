/* The answer line keeps the height that its longest sentence took, so that the charts below it
   stay where they are while the words change. Another width, page or pair begins anew. */
(function () {
  "use strict";

  const legs = () => {
    const asked = new URLSearchParams(window.location.search);
    return ["market", "y", "x"].map((name) => asked.get(name) || "").join(" ");
  };

  function keep(answer) {
    const { width, height } = answer.getBoundingClientRect();
    const subject = `${Math.round(width)} ${legs()}`;
    if (answer.dataset.subject !== subject) {
      answer.dataset.subject = subject;
      answer.style.minHeight = "";
    } else if (height > (parseFloat(answer.style.minHeight) || 0)) {
      answer.style.minHeight = `${height}px`;
    }
  }

  const sizes = new ResizeObserver((seen) => seen.forEach(({ target }) => keep(target)));
  let watched = null;

  new MutationObserver(() => {
    const answer = document.getElementById("answer-line");
    if (answer === watched) return;
    if (watched) sizes.unobserve(watched);
    watched = answer;
    if (watched) sizes.observe(watched);
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
