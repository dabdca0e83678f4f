/* The finance pages: filters in the address, rows that open their trail beside them, and asking the server again when
   something happened to what is shown. No amount is computed here. */
(function (kw) {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const setProps = (id, data) => window.dash_clientside.set_props(id, { data });

  /* Filters: a select changes one part of the address; the trail that is open belongs to the old one. */
  for (const name of ["month", "operator", "site", "channel"]) {
    kw.follow("ledger-" + name, name, name === "operator" ? ["payment", "session", "site"] : ["payment", "session"]);
  }

  /* A row's link opens its trail here instead of leaving the page; the address follows, so that it can be shared. */
  function choose(chosen) {
    const address = new URL(location.href);
    ["payment", "session"].forEach((key) => address.searchParams.delete(key));
    for (const [key, value] of Object.entries(chosen || {})) address.searchParams.set(key, value);
    history.replaceState(history.state, "", address.pathname + address.search);
    setProps("ledger-chosen", chosen);
    mark();
  }

  function chosenOf(link) {
    const asked = new URL(link.href).searchParams;
    return asked.get("payment") ? { payment: asked.get("payment") } : asked.get("session") ? { session: asked.get("session") } : null;
  }

  function mark() {
    const here = new URLSearchParams(location.search);
    document.querySelectorAll("#ledger-rows-body tr").forEach((row) => {
      const link = row.querySelector("a.row");
      const own = link && chosenOf(link);
      const is = Boolean(own) && Object.entries(own).every(([key, value]) => here.get(key) === value);
      row.classList.toggle("sel", is);
      if (is) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    });
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest ? event.target : null;
    if (!target) return;
    const row = target.closest("#ledger-rows-body tr");
    const plain = !(event.button || event.metaKey || event.ctrlKey || event.shiftKey);
    if (row && plain) {
      const link = row.querySelector("a.row");
      const chosen = link && chosenOf(link);
      if (!chosen) return;
      event.preventDefault();
      choose(chosen);
    } else if (target.closest("#trail-close")) {
      choose(null);
    } else if (target.closest("[data-receipt]")) {
      setProps("receipt-wanted", [Number(target.closest("[data-receipt]").dataset.receipt), Date.now()]);
    } else if (target.closest(".drop .menu button")) {
      target.closest("details").open = false;
    }
    const open = document.querySelector("details.drop[open]");
    if (open && !open.contains(target)) open.open = false;
  }, true);
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector("details.drop[open]");
    if (open) open.open = false;
  });
  kw.mount("ledger-rows-body", mark);
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.decide") && !event.target.open) ask("finance-tick");
  }, true);

  /* Something happened: ask again for what is shown, a few times a second at most. */
  const due = {};
  const listening = () => document.querySelector("#ledger-trail, #review, #payments, #file-notice");
  function ask(store) {
    due[store] ||= setTimeout(() => {
      due[store] = 0;
      // a form that somebody writes in stays as it is; closing it asks again
      if (document.querySelector("#review details.decide[open]")) return;
      if (listening()) setProps(store, Date.now());
    }, 250);
  }
  kw.on("finance", (news) => {
    const shown = Number(byId("trail")?.dataset.payment || 0);
    const listed = byId("payments") && news.payments;
    if ((news.payments || []).includes(shown) || listed || (news.files && byId("file-notice"))) ask("finance-tick");
    if (news.reviews && (byId("review") || shown)) ask("finance-tick");
    if (news.reviews) countReviews();
    if (news.payments) askCosts(news.payments);
    if (news.months && byId("ledger-trail")) ask("close-tick");
  });
  // after a silence whatever was told is lost: the rows know
  kw.on("live", () => ask("finance-tick"));

  /* What a running session costs so far, on its station's page; once a second at most. */
  let costsDue = 0;
  function askCosts(payments) {
    const shown = [...document.querySelectorAll("[data-payment-cost]")].filter((one) => payments.includes(Number(one.dataset.paymentCost)));
    if (!shown.length || costsDue) return;
    costsDue = setTimeout(async () => {
      costsDue = 0;
      const ids = shown.map((one) => one.dataset.paymentCost).join();
      const answer = await fetch("/app/payments/costs?ids=" + ids, { credentials: "same-origin" }).catch(() => null);
      if (!answer || !answer.ok) return;
      for (const [id, words] of Object.entries(await answer.json())) {
        document.querySelectorAll(`[data-payment-cost="${id}"]`).forEach((one) => (one.textContent = words));
      }
    }, 500);
  }

  async function countReviews() {
    if (!byId("nav-review-count")) return;
    const answer = await fetch("/app/review/count", { credentials: "same-origin" }).catch(() => null);
    if (answer && answer.ok) kw.set("nav-review-count", await answer.text());
  }

  /* A finished file is fetched by itself, once. */
  const fetched = new Set();
  kw.mount("file-ready", (link) => {
    if (fetched.has(link.href)) return;
    fetched.add(link.href);
    link.click();
  });
})(window.kilowatch);
