/* The forms of a page in its link: what a user set in them beside the parameters, as form.<id>.
   A link that is opened sets them again. A webhook may hold a secret and stays out. */
(function () {
  "use strict";

  const { byId } = window.spreadscope;
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const OURS = /^(sweep|walk|rule)-(?!webhook)/;
  const PREFIX = "form.";
  const TRIES = 75;
  const PAUSE_MS = 400;

  let wanted = [...new URLSearchParams(window.location.search)]
    .filter(([name]) => name.startsWith(PREFIX) && OURS.test(name.slice(PREFIX.length)))
    .map(([name, text]) => [name.slice(PREFIX.length), text]);

  const held = (control) => (control.type === "checkbox" ? control.checked : control.value);
  const read = (control, text) => (control.type === "checkbox" ? text === "true" : text);

  // A choice also decides the fields that bear its name: of another axis they begin anew.
  const ofIt = (name, choice) => name === choice || name.startsWith(`${choice}-`);
  const isOurs = (control) =>
    Boolean(control.id) && OURS.test(control.id) && Boolean(control.closest("#page-content"));

  function write(id, value) {
    const rest = window.location.search.slice(1).split("&").filter(Boolean);
    const name = `${PREFIX}${id}`;
    const kept = rest.filter((part) => !ofIt(part.split("=")[0], name));
    const search = `?${[...kept, `${name}=${encodeURIComponent(value)}`].join("&")}`;
    window.history.replaceState(window.history.state, "", window.location.pathname + search);
  }

  // Where the browser's Back takes a page away, a field's last event comes at the next one's address.
  const isShown = () => document.body.dataset.page === (window.location.pathname.slice(1) || "home");

  // An event is what a user did: what a callback fills in brings none, and follows from that.
  document.addEventListener("change", ({ target }) => {
    if (!isOurs(target)) return;
    wanted = wanted.filter(([id]) => !ofIt(id, target.id));
    if (isShown()) write(target.id, String(held(target)));
  });
  // What is being typed is the user's, and so is a field that was entered once it is restored.
  document.addEventListener("input", ({ target }) => {
    if (isOurs(target)) wanted = wanted.filter(([id]) => !ofIt(id, target.id));
  });
  document.addEventListener("focusin", ({ target }) => {
    if (!isOurs(target)) return;
    wanted = wanted.filter(([id, text]) => id !== target.id || held(target) !== read(target, text));
  });

  // A choice fills other fields when the server answers, so each is set until that time is over.
  function restore(tries) {
    for (const [id, text] of wanted) {
      const control = byId(id);
      if (!control) continue;
      const value = read(control, text);
      if (held(control) !== value) setProps(id, { value });
      control.dataset.typed = "yes"; // as by hand: the panel's threshold does not take its place
    }
    if (tries > 0 && wanted.length) setTimeout(() => restore(tries - 1), PAUSE_MS);
  }

  // Once the page stands.
  function begin() {
    if (wanted.some(([id]) => byId(id))) restore(TRIES);
    else setTimeout(begin, PAUSE_MS);
  }
  if (wanted.length) begin();
})();
