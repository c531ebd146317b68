/* Files on their way to the server: the drop, the bar of bytes and rows, the way out. */
(function () {
  "use strict";

  const ASK_MS = 400;
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const byId = (id) => document.getElementById(id);

  const CANCELLED = "cancelled; nothing was kept";

  // The file that is being sent: its request, its id at the server, what is known of it.
  let sending = null;
  let cancelled = false;
  // A drop: its files, what was answered about each, what became of each (none before it is read),
  // the market they made. Those of the report, which can be read again, and those of the next.
  let shown = [];
  let drops = [];
  // What waits to be read, in the order in which it was asked for: a drop, and answers about its
  // files. Whether any is read now, and how many files of that one wait.
  const queue = [];
  let reading = false;
  let left = 0;

  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
  const counted = (rows) => rows.toLocaleString("en-US");

  function words(one) {
    const parts = [`${one.name}: ${megabytes(one.sent)} of ${megabytes(one.size)}`];
    if (one.rows) parts.push(`${counted(one.rows)} rows, ${counted(one.rejected)} rejected`);
    if (one.sent >= one.size) parts.push("reading the last rows");
    const count = queue.reduce((sum, asked) => sum + asked.drop.files.length, left);
    if (count) parts.push(count === 1 ? "1 file waits" : `${count} files wait`);
    return parts.join(" · ");
  }

  // On the Data page the bar stands under the drop zone; on the others it floats.
  function floating() {
    let box = byId("upload-float");
    if (box) return box;
    box = document.createElement("div");
    box.id = "upload-float";
    box.className = "upload-progress upload-float";
    const text = document.createElement("span");
    text.className = "upload-words";
    const button = document.createElement("button");
    button.className = "btn btn-outline-secondary btn-sm upload-cancel";
    button.textContent = "Cancel";
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.setAttribute("aria-label", "Upload");
    box.append(text, button, bar);
    document.body.append(box);
    return box;
  }

  function show() {
    const onPage = byId("upload-progress");
    for (const box of [onPage, byId("upload-float")]) if (box) box.hidden = true;
    if (!sending) return;
    const box = onPage || floating();
    box.hidden = false;
    box.querySelector(".upload-words").textContent = words(sending);
    box.querySelector("progress").value = sending.size ? sending.sent / sending.size : 1;
  }

  async function askRows(one) {
    try {
      const answer = await fetch("/api/uploads");
      const found = (await answer.json()).uploads.find((other) => other.id === one.id);
      if (found) Object.assign(one, { rows: found.rows, rejected: found.rejected });
    } catch (error) {
      return; // the upload itself says that the server is gone
    }
    if (one === sending) show();
  }

  function send(file, market, answers) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const id = `tab-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
      const one = { name: file.name, size: file.size, sent: 0, rows: 0, rejected: 0, id, request };
      sending = one;
      show();
      const asking = setInterval(() => askRows(one), ASK_MS);
      const end = (result) => {
        clearInterval(asking);
        resolve({ name: file.name, ...result });
      };
      const asked = new URLSearchParams({ name: file.name, id, ...answers });
      if (market) asked.set("market", market);
      request.open("POST", `/api/upload?${asked}`);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => {
        one.sent = Math.min(event.loaded, one.size);
        show();
      };
      request.onload = () => {
        try {
          end({ status: request.status, ...JSON.parse(request.responseText) });
        } catch (error) {
          end({ error: `the server answered ${request.status}` });
        }
      };
      request.onerror = () => end({ error: "the connection broke; nothing was kept" });
      request.onabort = () => end({ error: CANCELLED });
      request.send(file);
    });
  }

  const took = (one) => Boolean(one.market);
  const isNotUtf8 = (one) => Boolean(one.report && one.report.not_utf8);

  // Files that are read again with answers take the place of what they made the first time, once
  // they have all that made it: what broke on the way takes no place.
  async function read(drop, more) {
    const before = { reports: drop.reports, market: drop.market };
    const answers = drop.files.map((_, place) => ({ ...drop.answers[place], ...more[place] }));
    // A button that was pressed twice.
    if (before.reports && JSON.stringify(answers) === JSON.stringify(drop.answers)) return;
    const reports = [];
    let market = null;
    for (const [place, file] of drop.files.entries()) {
      left = drop.files.length - place - 1;
      const report = cancelled ? cancelledOf(file) : await send(file, market, answers[place]);
      market = market || report.market || null;
      reports.push(report);
    }
    Object.assign(drop, { answers, reports, market });
    tell();
    if (market) setProps("focus", { data: { market, at: Date.now() } });
    if (before.market && reports.every((one, place) => took(one) || !took(before.reports[place]))) {
      const address = `/api/markets/${encodeURIComponent(before.market)}`;
      // One that was removed by hand meanwhile answers 404, and a server that is gone is in the strip.
      await fetch(address, { method: "DELETE" }).catch(() => null);
    }
  }

  async function readAll() {
    reading = true;
    try {
      while (queue.length) {
        const { drop, more } = queue.shift();
        cancelled = false;
        await read(drop, more);
      }
    } finally {
      reading = false;
      sending = null;
      show();
    }
  }

  const cancelledOf = (file) => ({ name: file.name, error: CANCELLED });

  function tell() {
    shown = drops.filter((drop) => drop.reports);
    setProps("upload-result", { data: shown.flatMap((drop) => drop.reports) });
  }

  // One at a time: what is asked for meanwhile waits for its turn.
  function ask(drop, more) {
    if (byId("tab-data")) byId("tab-data").click();
    if (!reading && !drop.reports) drops = [];
    if (!drops.includes(drop)) drops.push(drop);
    queue.push({ drop, more });
    show();
    if (!reading) readAll();
  }

  function upload(files) {
    if (files.length) ask({ files, answers: files.map(() => ({})), reports: null, market: null }, []);
  }

  // What is running, and what waits: a drop that was read before stays as it was.
  function cancel() {
    const waited = queue.splice(0);
    for (const { drop } of waited) drop.reports = drop.reports || drop.files.map(cancelledOf);
    if (waited.length) tell();
    cancelled = true;
    if (sending) sending.request.abort();
  }

  // Drops of the report again, with more answers: `more` says which for the file at a place of the
  // report, null for none.
  function readAgain(more) {
    let start = 0;
    for (const drop of [...shown]) {
      const first = start;
      start += drop.files.length;
      const answers = drop.reports.map((one, place) => more(one, first + place));
      if (answers.some(Boolean)) ask(drop, answers);
    }
  }

  function readAsLatin1() {
    readAgain((one) => (isNotUtf8(one) ? { encoding: "latin-1" } : null));
  }

  function answer(button) {
    const { place, parameter, value } = button.dataset;
    const field = button.parentElement.querySelector("input");
    const given = value === undefined ? field.value.trim() : value;
    if (!given) return field.focus();
    readAgain((one, at) => (at === Number(place) ? { [parameter]: given } : null));
  }

  function fileInput() {
    const zone = byId("upload-data");
    if (!zone || zone.querySelector("input[type=file]")) return;
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.id = "upload-file";
    input.setAttribute("aria-label", "Choose files to upload");
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = ""; // so that the same file can be chosen again
      upload(files);
    });
    zone.append(input);
    show();
  }

  function onDrag(event) {
    if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dragging", event.type === "dragover");
    if (event.type === "drop") upload([...event.dataTransfer.files]);
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("#upload-latin-1")) readAsLatin1();
    const answered = event.target.closest(".upload-answer");
    if (answered) answer(answered);
    if (!event.target.closest("#upload-cancel, .upload-cancel")) return;
    cancel();
  });
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, onDrag);
  new MutationObserver(fileInput).observe(document.documentElement, {
    childList: true,
    subtree: true,
  });
})();
