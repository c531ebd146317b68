/* Dash's list of several choices, said to assistive technology as what it is: a button that
   opens a dialog with a group of check boxes. As Dash writes it, a field that is hidden from a
   reader takes the focus, the button's name is not what stands on it, and check boxes sit
   inside options. Only attributes are mended here; Dash writes the options' own anew. */
(function () {
  "use strict";

  function mend(box) {
    const label = box.getAttribute("aria-label");
    const button = box.querySelector("button.dash-dropdown");
    if (!button) return;
    button.removeAttribute("aria-labelledby");
    set(button, "aria-haspopup", "dialog");
    set(button, "tabindex", "0");
    // By keyboard the Delete key clears; to a reader the cross would be a part of the name.
    const cross = button.querySelector(".dash-dropdown-clear");
    if (cross) set(cross, "aria-hidden", "true");
    for (const one of box.querySelectorAll("[role=dialog], .dash-dropdown-search")) {
      set(one, "aria-label", label);
    }
    for (const list of box.querySelectorAll(".dash-options-list")) {
      set(list, "role", "group");
      set(list, "aria-label", label);
    }
    for (const option of box.querySelectorAll(".dash-options-list-option")) {
      option.removeAttribute("role");
      option.removeAttribute("aria-selected");
    }
  }

  function set(element, name, value) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  function watch(box) {
    mend(box);
    const attributeFilter = ["role", "aria-selected", "aria-labelledby"];
    new MutationObserver(() => mend(box)).observe(box, {
      childList: true, subtree: true, attributes: true, attributeFilter,
    });
  }

  const found = new MutationObserver(() => {
    const box = document.querySelector(".head-symbols");
    if (!box) return;
    found.disconnect();
    watch(box);
  });
  found.observe(document.documentElement, { childList: true, subtree: true });
})();
