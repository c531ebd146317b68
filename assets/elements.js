/* Elements that the browser makes by itself: texts are text, whatever letters they have. */
(function () {
  "use strict";

  // make("p", { className: "a", textContent: "b", "aria-label": "c" }, child, ...)
  function make(tag, props = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (name.includes("-") || name === "role") element.setAttribute(name, value);
      else element[name] = value;
    }
    element.append(...children);
    return element;
  }

  // The answer of the HTTP interface, or an Error with its sentence.
  async function ask(path, method = "GET", body = undefined) {
    let answer;
    try {
      answer = await fetch(path, { method, body });
    } catch (error) {
      throw new Error("no connection to the server");
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error || `the server answered ${answer.status}`);
    return told;
  }

  // A component of Dash, while its page is there: an answer, a wait and a field's last event may
  // outlive the page. Of what is gone Dash's getLayout and set_props throw.
  function laidOut(id) {
    try {
      return window.dash_component_api.getLayout(id);
    } catch (error) {
      return undefined;
    }
  }

  // A click beside an open dialog closes it, as Escape does by itself.
  document.addEventListener("mousedown", (event) => {
    const dialog = event.target;
    if (!(dialog instanceof HTMLDialogElement) || !dialog.open) return;
    const box = dialog.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right;
    if (!inside || event.clientY < box.top || event.clientY > box.bottom) dialog.close();
  });

  window.spreadscope = { make, ask, laidOut, byId: (id) => document.getElementById(id) };
})();
