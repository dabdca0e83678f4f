/* Reliability and utilisation: month and site stand in the address; after an exclusion the page asks again once the
   figures have followed; date fields get the browser's own picker. */
(function (kw) {
  "use strict";
  const drop = ["outage", "attempt", "exclude"];
  function go(change) {
    const address = new URL(location.href);
    drop.forEach((key) => address.searchParams.delete(key));
    change(address.searchParams);
    kw.go(address.pathname + address.search);
  }

  kw.mount("past-month", (select) => {
    const asked = new URLSearchParams(location.search);
    const shown = asked.get("month") || select.dataset.shown;
    if (shown) select.value = shown;
    select.addEventListener("change", () => go((search) => {
      ["from", "until"].forEach((key) => search.delete(key));
      search.set("range", "month");
      search.set("month", select.value);
    }));
  });
  /* A row's link is a row's click. */
  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("#past-outages tbody tr, #past-attempts tbody tr");
    if (!row || event.target.closest("a, button") || String(getSelection())) return;
    row.querySelector("a.row")?.click();
  });
  function mark() {
    const here = new URLSearchParams(location.search);
    document.querySelectorAll("#past-outages tbody tr, #past-attempts tbody tr").forEach((row) => {
      const asked = new URL(row.querySelector("a.row")?.href || location.href).searchParams;
      const key = here.get("outage") ? "outage" : "attempt";
      const is = Boolean(here.get(key)) && asked.get(key) === here.get(key) && row.querySelector("a.row");
      row.classList.toggle("sel", Boolean(is));
      if (is) row.setAttribute("aria-current", "true");
    });
  }
  kw.mount("past-outages", mark);
  kw.mount("past-attempts", mark);
  kw.mount("past-drawer", (drawer) => {
    mark();
    if (matchMedia("(max-width: 75rem)").matches) drawer.scrollIntoView({ block: "start" });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.target.closest?.("input, select, .dash-dropdown")) document.getElementById("past-close")?.click();
  });

  kw.mount("exclude-pick", (select) => {
    const send = () => window.dash_clientside.set_props("exclude-what", { value: select.value });
    const what = document.querySelector("#exclude-what input, input#exclude-what")?.value || "";
    if ([...select.options].some((option) => option.value === what)) select.value = what;
    select.addEventListener("change", send);
  });
  kw.picker(["exclude-from", "exclude-until"], "datetime-local", "1");
  new MutationObserver(() => {
    const told = document.querySelector("[data-again]:not([data-heard])");
    if (!told) return;
    told.dataset.heard = "true";
    const address = location.href;
    setTimeout(() => {
      if (location.href !== address) return;
      history.replaceState(history.state, "", location.pathname + location.search.replace(/&?exclude=new/, ""));
      location.reload();
    }, 6000);
  }).observe(document.documentElement, { childList: true, subtree: true });
})(window.kilowatch);
