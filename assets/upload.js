/* Files that are chosen or dropped: each a streamed POST with a progress bar, one after the other. */
(function () {
  "use strict";

  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const byId = (id) => document.getElementById(id);
  const click = (id) => byId(id) && byId(id).click();

  let sending = null;
  let cancelled = false;

  function progress(words, share) {
    const box = byId("upload-progress");
    if (!box) return;
    box.hidden = words === null;
    if (words === null) return;
    box.querySelector(".upload-words").textContent = words;
    box.querySelector("progress").value = share;
  }

  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;

  function send(file, market) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      sending = request;
      const asked = new URLSearchParams({ name: file.name });
      if (market) asked.set("market", market);
      request.open("POST", `/api/upload?${asked}`);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => {
        const share = event.total ? event.loaded / event.total : 0;
        progress(`${file.name}: ${megabytes(event.loaded)} of ${megabytes(event.total)}`, share);
      };
      request.upload.onload = () => progress(`${file.name}: reading the rows`, 1);
      request.onload = () => {
        let answer;
        try {
          answer = JSON.parse(request.responseText);
        } catch (error) {
          answer = { error: `the server answered ${request.status}` };
        }
        resolve({ name: file.name, status: request.status, ...answer });
      };
      request.onerror = () => resolve({ name: file.name, error: "the connection broke" });
      request.onabort = () => resolve({ name: file.name, error: "cancelled; nothing was kept" });
      request.send(file);
    });
  }

  async function upload(files) {
    if (!files.length) return;
    click("tab-data");
    if (sending) return;
    const reports = [];
    let market = null;
    cancelled = false;
    for (const file of files) {
      if (cancelled) {
        reports.push({ name: file.name, error: "cancelled; nothing was kept" });
        continue;
      }
      const report = await send(file, market);
      market = market || report.market || null;
      reports.push(report);
    }
    sending = null;
    progress(null);
    setProps("upload-result", { data: reports });
    if (market) setProps("focus", { data: { market, at: Date.now() } });
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
      upload([...input.files]).finally(() => (input.value = ""));
    });
    zone.append(input);
  }

  function onDrag(event) {
    if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dragging", event.type === "dragover");
    if (event.type === "drop") upload([...event.dataTransfer.files]);
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("#upload-cancel")) return;
    cancelled = true;
    if (sending) sending.abort();
  });
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, onDrag);
  new MutationObserver(fileInput).observe(document.documentElement, {
    childList: true,
    subtree: true,
  });
})();
