/* The administration: Enter sends a form, the first wrong field is gone to, date fields get the browser's picker; a file
   to import is sent as it is, and the page asks again when something happened to an import. */
(function (kw) {
  "use strict";
  const byId = (id) => document.getElementById(id);

  document.addEventListener("keydown", (event) => {
    const form = event.key === "Enter" && event.target.matches?.("input") && event.target.closest(".admin-form[data-send]");
    if (!form) return;
    event.preventDefault();
    byId(form.dataset.send)?.click();
  });

  /* What is wrong with a field stands beside it and belongs to it, for those who listen, too. */
  let due = 0;
  function mend() {
    due = 0;
    let first = null;
    document.querySelectorAll(".admin-form .line").forEach((line, place) => {
      const wrong = line.querySelector(".wrong"), field = line.querySelector("input, select");
      if (!wrong || !field) return;
      const is = Boolean(wrong.textContent);
      if (is && wrong.dataset.heard !== wrong.textContent) first ||= field;
      wrong.dataset.heard = wrong.textContent;
      wrong.id ||= "wrong-" + place;
      if (is) {
        field.setAttribute("aria-invalid", "true");
        field.setAttribute("aria-describedby", wrong.id);
      } else if (field.hasAttribute("aria-invalid")) {
        field.removeAttribute("aria-invalid");
        field.removeAttribute("aria-describedby");
      }
    });
    first?.focus();
  }
  new MutationObserver(() => {
    if (!due && document.querySelector(".admin-form")) due = requestAnimationFrame(mend);
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });

  kw.picker(["audit-from", "audit-until"], "date");

  /* The file: an input that Dash has no element for. */
  kw.mount("import-file-place", (place) => {
    place.replaceChildren(kw.el("input", { type: "file", id: "import-file", class: "field", accept: ".csv,.txt,.json,.tsv" }));
  });
  kw.mount("import-form", (form) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form, event.submitter?.value || "no");
    });
  });

  function said(form, errors) {
    form.querySelectorAll("[data-wrong]").forEach((place) => (place.textContent = errors[place.dataset.wrong] || ""));
    const folded = form.querySelector("details");
    if (folded && [...folded.querySelectorAll("[data-wrong]")].some((place) => place.textContent)) folded.open = true;
  }

  function send(form, trial) {
    const file = byId("import-file")?.files[0];
    const address = new URL("/app/admin/import", location.href);
    form.querySelectorAll("select[name], input[name]").forEach((field) => field.value && address.searchParams.set(field.name, field.value));
    address.searchParams.set("trial", trial);
    address.searchParams.set("name", file ? file.name : "");
    const request = new XMLHttpRequest(), bar = byId("import-upload"), buttons = form.querySelectorAll("button");
    const end = (errors) => (said(form, errors), (bar.hidden = true), buttons.forEach((one) => (one.disabled = false)));
    request.open("POST", address);
    request.setRequestHeader("X-CSRFToken", form.dataset.csrf);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => (bar.value = event.loaded / (event.total || 1));
    request.onerror = () => end({ file: form.dataset.failed });
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* not ours */ }
      if (request.status !== 200) return end(answer.errors || { file: form.dataset.failed });
      end({});
      kw.go("/app/admin/imports?import=" + answer.request_id);
    };
    bar.hidden = false;
    buttons.forEach((one) => (one.disabled = true));
    request.send(file || "");
  }

  let asking = 0;
  function follow() {
    asking ||= setTimeout(() => {
      asking = 0;
      if (byId("import-shown")) {
        const shown = Number(new URLSearchParams(location.search).get("import")) || null;
        window.dash_clientside.set_props("import-tick", { data: [shown, Date.now()] });
      }
    }, 200);
  }
  kw.on("finance", (news) => news.imports && follow());
  kw.on("live", follow);
})(window.kilowatch);
