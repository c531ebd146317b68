/* Saved views: the dialog in which they are saved, opened, renamed, deleted, exported, imported;
   and the server's note of where this page is, at which the app opens when it was left. */
(function () {
  "use strict";

  const { make, ask, byId } = window.spreadscope;
  const NOTE_MS = 1000;
  const LARGEST = 4 * 2 ** 20;

  let views = [];
  let kept = true;

  // ---------------------------------------------------------------- what a link is called
  const here = () => window.location.pathname + window.location.search;

  function pageTitle(path) {
    const tabs = [...document.querySelectorAll(".tabs .nav-link")];
    const tab = tabs.find((one) => new URL(one.href).pathname === path);
    return tab ? tab.firstChild.textContent : path;
  }

  function described(link) {
    const { pathname, searchParams } = new URL(link, window.location.origin);
    const asked = (name) => searchParams.get(name);
    const pairs = asked("pairs") ? asked("pairs").replaceAll("~", " / ").split(",") : [];
    const pair = asked("y") && asked("x") ? [`${asked("y")} / ${asked("x")}`] : [];
    const legs = pairs.length ? pairs : pair;
    return [pageTitle(pathname), ...legs, asked("timeframe") || "1s"].join(" · ");
  }

  // ---------------------------------------------------------------- the dialog
  const says = (words, ...more) => byId("views-says").replaceChildren(words, ...more);

  function nameField() {
    let field = byId("view-name");
    if (field) return field;
    field = make("input", {
      id: "view-name", className: "form-control form-control-sm", maxLength: 64,
      autocomplete: "off", type: "text",
    });
    byId("view-name-field").append(
      make("label", { htmlFor: "view-name", textContent: "Save this page as" }), field,
    );
    field.addEventListener("input", nameSave);
    field.addEventListener("keydown", (event) => event.key === "Enter" && save());
    return field;
  }

  function nameSave() {
    const name = nameField().value.trim().normalize("NFC");
    const there = views.some((view) => view.name === name);
    byId("save-view").textContent = there ? "Replace" : "Save";
  }

  async function refresh() {
    const told = await ask("/api/views");
    [views, kept] = [told.views, told.kept];
    const list = byId("views-list");
    list.replaceChildren(...views.map(row));
    if (!views.length) list.append(make("li", { className: "tone-muted", textContent: "no views yet: save one above" }));
    nameSave();
  }

  async function show() {
    const dialog = byId("views-dialog");
    if (dialog.open) return dialog.close();
    const field = nameField();
    field.value = [...described(here())].slice(0, 64).join("");
    says("");
    dialog.showModal();
    field.focus();
    field.select();
    await trying(refresh);
    if (!kept) says("Without an archive views go when the app ends.");
  }

  // What the server refuses, it says in a sentence.
  async function trying(work) {
    try {
      await work();
    } catch (error) {
      says(make("span", { className: "tone-down", textContent: error.message }));
    }
  }

  const put = (view) => ask("/api/views", "PUT", JSON.stringify(view));
  const quoted = (name) => make("bdi", { textContent: `“${name}”` });

  const save = () =>
    trying(async () => {
      const view = await put({ name: nameField().value, link: here() });
      await refresh();
      says(quoted(view.name), " is saved");
    });

  const remove = (view) =>
    trying(async () => {
      await ask(`/api/views?name=${encodeURIComponent(view.name)}`, "DELETE");
      await refresh();
      const undo = make("button", { className: "btn btn-sm btn-outline-secondary", textContent: "Undo" });
      undo.addEventListener("click", () =>
        trying(async () => {
          await put({ name: view.name, link: view.link });
          await refresh();
          says(quoted(view.name), " is back");
          nameField().focus();
        }),
      );
      says(quoted(view.name), " is deleted ", undo);
      undo.focus();
    });

  function rename(view, item) {
    const field = make("input", {
      className: "form-control form-control-sm", value: view.name, maxLength: 64, type: "text",
      "aria-label": `New name of ${view.name}`,
    });
    const back = () => {
      item.replaceWith(row(view));
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.preventDefault(); // the dialog stays
        back();
      } else if (event.key === "Enter") {
        trying(async () => {
          const renamed = await put({ name: field.value, link: view.link, old_name: view.name });
          await refresh();
          says(quoted(view.name), " is now ", quoted(renamed.name));
        });
      }
    });
    item.replaceChildren(field, make("small", { className: "tone-muted", textContent: "Enter renames it, Escape leaves it" }));
    field.focus();
    field.select();
  }

  function row(view) {
    const item = make("li");
    const link = make(
      "a", { href: view.link, className: "view-link" },
      make("bdi", { textContent: view.name }),
      make("small", { textContent: described(view.link) }),
    );
    const act = (words, work) => {
      const button = make("button", {
        className: "icon-button", textContent: words, "aria-label": `${words} ${view.name}`,
      });
      button.addEventListener("click", work);
      return button;
    };
    item.append(link, act("Rename", () => rename(view, item)), act("Delete", () => remove(view)));
    return item;
  }

  function choose() {
    const field = make("input", { type: "file", accept: ".json,application/json" });
    field.addEventListener("change", () => {
      const [file] = field.files;
      if (file) trying(() => take(file));
    });
    field.click();
  }

  async function take(file) {
    if (file.size > LARGEST) throw new Error(`${file.name} is larger than 4 MiB: no export of views`);
    let told;
    try {
      told = await ask("/api/views/import", "POST", await file.text());
    } catch (error) {
      throw new Error(`${file.name} holds no views that can be taken: ${error.message}`);
    }
    await refresh();
    says(`${told.imported} ${told.imported === 1 ? "view" : "views"} imported from ${file.name}`);
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    if (at("#views-menu")) show();
    else if (at("#save-view")) save();
    else if (at("#import-views")) choose();
    else if (at(".close-dialog")) at("dialog").close();
  });

  // ---------------------------------------------------------------- where the app is left
  // Windows without a frame, and those that follow another, are none that anybody left.
  const own = new URLSearchParams(window.location.search);
  const ofAnother = own.has("bare") || own.has("follow");
  let noted = null;

  function note() {
    const link = here();
    if (ofAnother || document.hidden || link === noted || !window.location.search) return;
    noted = link;
    fetch("/api/views/last", { method: "PUT", body: JSON.stringify({ link }), keepalive: true })
      .catch(() => (noted = null));
  }

  const noteAgain = () => {
    noted = null;
    note();
  };
  setInterval(note, NOTE_MS);
  window.addEventListener("focus", noteAgain);
  document.addEventListener("visibilitychange", noteAgain);
  window.addEventListener("pagehide", note);
})();
