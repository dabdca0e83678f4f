/* Incidents as rows: on the board, in the list of open ones, on the wall. Titles, causes and harm are worked out from
   what the stream says and from the words of the page; dashboard/pages/incident_words.py says the same on the server. */
(function (kw) {
  "use strict";
  const store = kw.store, el = kw.el;
  const GLYPH = { site_dark: "unknown", offline: "unknown", platform: "unknown", router_down: "unknown", firmware: "faulted", payment_stuck: "derated", job_failed: "derated", certificate: "silent", undelivered: "silent", faulted: "faulted", token_guessing: "silent", silent_evse: "silent", failing_starts: "faulted", no_energy: "suspended", meter_frozen: "derated", derated: "derated", stuck_preparing: "preparing", ghost_session: "unknown", clock_off: "silent", rejected_connections: "unknown", audit: "derated" };
  // whose stations can't be seen: what was running there may go on
  const SEEN_NOT = new Set(["site_dark", "offline", "platform", "router_down"]);
  // what leaves drivers without an evse
  const TAKES_AWAY = new Set(["site_dark", "offline", "router_down", "firmware", "faulted", "silent_evse", "failing_starts", "no_energy", "meter_frozen"]);
  const own = (kw.incidents = {});

  own.plural = (key, n) => kw.t(n === 1 ? key + "_1" : key + "_n", { n: kw.number(n) });
  own.glyph = (incident) => GLYPH[incident.kind] || "derated";
  own.href = (incident) => "/app/incident/" + incident.incident_id;

  const siteOf = (incident) => (incident.site_id === null ? undefined : store.sites.find((site) => site.id === incident.site_id));

  /* The last free evse of its site is gone: the next driver drives on. */
  own.noneFree = function (incident) {
    const site = TAKES_AWAY.has(incident.kind) && siteOf(incident);
    return Boolean(site) && site.evses > 0 && !["available", "silent", "derated"].some((state) => site.counts[state]);
  };

  /* Worst harm first: what is critical, the last free evse of a site, expected lost sessions, drivers, the oldest. */
  own.ranked = function () {
    const rank = (one) => [one.severity === "critical" ? 0 : 1, own.noneFree(one) ? 0 : 1, one.severity === "low" ? 1 : 0, -(one.lost_per_day || 0), -one.drivers, one.opened_at, one.incident_id];
    const keyed = store.incidents.map((one) => ({ one, key: rank(one) }));
    keyed.sort((a, b) => {
      const place = a.key.findIndex((value, i) => value !== b.key[i]);
      return place < 0 ? 0 : a.key[place] - b.key[place];
    });
    return keyed.map(({ one }) => one);
  };

  own.title = function (incident, kind = "incident.") {
    const detail = incident.detail || {}, known = kw.page().words, key = kind + incident.kind;
    const values = { ...detail, alert_kind: known["kind." + detail.alert_kind] || detail.alert_kind, site: incident.site || kw.t("no_site"), station: incident.station_id || "", stations: kw.number(incident.stations), n: kw.number(incident.evses), time: kw.since(incident.opened_at), age: kw.age(store.at - incident.opened_at) };
    const text = (incident.stations > 1 && known[key + "_n"]) || known[key];
    if (text) return text.replace(/\{(\w+)\}/g, (all, name) => (values[name] ?? kw.number(null)).toString());
    return `${values.site}: ${known["kind." + incident.kind] || incident.kind.replaceAll("_", " ")}`;
  };

  /* The numbers behind an incident, as its sentence names them: times, lengths, power, energy. */
  function numbers(detail) {
    const words = {}, job = detail?.jobs?.[0];
    // the first of several jobs speaks for them
    const told = { ...detail, ...(job && { job: job.job, error: job.error || kw.t("stands_still") }) };
    for (const [name, value] of Object.entries(told)) {
      const unit = typeof value === "number" || name.endsWith("_at") ? name.slice(name.lastIndexOf("_")) : "";
      if (name.endsWith("_after")) words[name] = kw.since(Date.parse(value) / 1000);
      else if (Array.isArray(value)) words[name] = value.join(", ");
      else if (value === null) words[name] = kw.number(null);
      else if (unit === "_at") {
        const at = Date.parse(value) / 1000;
        words[name] = kw.since(at);
        words[name.replace(/_at$/, "_age")] = kw.duration(store.at - at);
      } else if (unit === "_seconds") words[name] = kw.duration(Math.abs(value));
      else if (unit === "_w") words[name] = kw.kw(value);
      else if (unit === "_wh") words[name] = kw.kwh(value);
      else words[name] = typeof value === "number" ? kw.number(value) : String(value);
    }
    return words;
  }

  /* A sentence that needs numbers is left out where there are none, or several. */
  function causeWords(incident) {
    const text = kw.page().words["cause." + incident.kind];
    if (!text || !text.includes("{")) return text;
    const filled = kw.t("cause." + incident.kind, numbers(incident.detail));
    return filled.includes("{") ? "" : filled;
  }

  own.cause = function (incident) {
    const said = causeWords(incident) || (incident.kind in GLYPH ? kw.page().words["fault." + incident.cause] : incident.cause) || "";
    const running = incident.drivers && SEEN_NOT.has(incident.kind) ? own.plural("cars_may_charge", incident.drivers) : "";
    return [said, running].filter(Boolean).join(" ") || statesOf(incident);
  };

  const HARMED = new Set(["faulted", "unknown", "silent", "derated", "unavailable"]);
  function statesOf(incident) {
    const rows = (store.stations.get(incident.station_id)?.evses || []).map((evse) => store.rows.get(evse.evse_key)).filter(Boolean);
    return [...new Set(rows.filter((row) => HARMED.has(row.state)).map(kw.words))].join(" · ");
  }

  // our own kinds have words in both languages; what a person wrote stands as written
  own.next = (incident) => kw.page().words["next." + incident.kind] || incident.next_step || "";

  own.harm = function (incident) {
    const lost = TAKES_AWAY.has(incident.kind) && incident.lost_per_day;
    const parts = [incident.drivers ? own.plural("drivers", incident.drivers) : "", own.noneFree(incident) ? kw.t("zero_free") : "", lost ? kw.t("lost_per_day", { n: kw.number(lost, lost < 10 ? 1 : 0) }) : ""];
    return parts.filter(Boolean).slice(0, 2).join(" · ");
  };

  own.count = (incident) => (incident.evses ? own.plural("evses", incident.evses) : incident.stations ? own.plural("stations", incident.stations) : "");

  /* A row is a link to its incident; buttons lie beside the link. */
  own.row = function (incident) {
    const words = el("div", {}, el("div", { class: "t" }, own.title(incident)), el("div", { class: "c" }, own.cause(incident)));
    const next = own.next(incident);
    if (next) words.append(el("div", { class: "nx" }, el("b", {}, kw.t("next")), el("span", {}, next)));
    const harm = el("div", { class: "h" }, el("b", {}, own.count(incident)), el("span", {}, own.harm(incident)));
    const seen = incident.acknowledged_at && kw.t("acknowledged", { time: kw.since(incident.acknowledged_at), name: incident.acknowledged_by || "" });
    const tick = seen && el("i", { class: "i i-check", role: "img", title: seen, "aria-label": seen });
    const age = el("div", { class: "h" }, el("b", { "data-since": incident.opened_at }, kw.age(store.at - incident.opened_at)), el("span", {}, tick, kw.t("severity." + incident.severity)));
    const row = el("a", { class: incident.severity === "critical" ? "inc crit" : "inc", href: own.href(incident) }, kw.glyph(own.glyph(incident), 15), words, harm, age, own.avatar(incident.owner));
    return el("li", { "data-id": incident.incident_id }, row, deeds(incident));
  };

  /* What can be done at once; it shows when the row is pointed at or focused. */
  function deeds(incident) {
    const page = kw.page(), there = place(incident);
    const names = page.acts ? [incident.owner !== page.me && "assign", !incident.acknowledged_at && "acknowledge"].filter(Boolean) : [];
    const buttons = names.map((name) => {
      const button = el("button", { class: "ctl act", type: "button", "data-deed": name, "aria-label": kw.t(name + "_label", { incident: own.title(incident) }) }, kw.t(name));
      button.disabled = Boolean(kw.isStale);
      button.addEventListener("click", () => {
        button.disabled = true;
        window.dash_clientside.set_props("incident-deed", { data: [incident.incident_id, name, Date.now()] });
      });
      return button;
    });
    if (!buttons.length && !there) return null;
    return el("div", { class: "deeds" }, ...buttons, there);
  }

  /* The way to the station, or to the stations of the site. */
  function place(incident) {
    if (incident.stations === 1 && incident.station_id) return el("a", { class: "ctl mono", href: "/app/station/" + encodeURIComponent(incident.station_id) }, incident.station_id);
    if (incident.site && incident.stations > 1) return el("a", { class: "ctl", href: "/app/stations?q=" + encodeURIComponent(incident.site) }, own.plural("stations", incident.stations));
    return null;
  }

  own.avatar = function (name) {
    if (!name) return el("span", { class: "av none", title: kw.t("nobody") }, "\u2013");
    const initials = name.replace("@", " ").split(/[ .]+/).slice(0, 2).map((word) => word[0] || "").join("").toUpperCase();
    return el("span", { class: "av", title: name }, initials);
  };

  own.note = (state, title, words) => el("div", { class: "note" }, kw.glyph(state, 18), el("p", { class: "strong" }, title), el("p", {}, words));

  /* Rows are kept by their id and rewritten only when something in them differs: nothing flickers, and who works by
     keyboard or is about to press a button stays where they are. */
  own.list = function (place, found, draw = own.row) {
    let list = place.querySelector("ol");
    if (!list) place.replaceChildren((list = el("ol", {})));
    const before = new Map([...list.children].map((row) => [row.dataset.id, row]));
    found.forEach((incident, i) => {
      const sign = JSON.stringify([incident, own.noneFree(incident), statesOf(incident), kw.page().language]);
      let row = before.get(String(incident.incident_id));
      before.delete(String(incident.incident_id));
      if (!row || row.dataset.sign !== sign) {
        const fresh = draw(incident), focused = row && row.contains(document.activeElement);
        fresh.dataset.sign = sign;
        if (row) row.replaceWith(fresh);
        row = fresh;
        if (focused) row.querySelector("a")?.focus();
      }
      if (list.children[i] !== row) list.insertBefore(row, list.children[i] || null);
    });
    before.forEach((row) => row.remove());
  };

  /* ---- the page of all open incidents: what its address asks for ---- */
  function asked() {
    const search = new URLSearchParams(location.search);
    return { severity: search.get("severity"), kind: search.get("kind"), site: search.get("site"), owner: search.get("owner"), q: (search.get("q") || "").toLowerCase() };
  }

  function fits(incident, wanted) {
    if (wanted.severity && incident.severity !== wanted.severity) return false;
    if (wanted.kind && incident.kind !== wanted.kind) return false;
    if (wanted.site && String(incident.site_id) !== wanted.site) return false;
    if (wanted.owner && (wanted.owner === "-" ? incident.owner : incident.owner !== wanted.owner)) return false;
    const text = [own.title(incident), own.cause(incident), incident.owner, incident.station_id, incident.site].join(" ").toLowerCase();
    return !wanted.q || text.includes(wanted.q);
  }

  let due = 0;
  function open() {
    if (due || !document.getElementById("incidents-open")) return;
    due = requestAnimationFrame(() => {
      due = 0;
      const place = document.getElementById("incidents-open");
      if (!place || !store.filled) return;
      const wanted = asked(), found = own.ranked().filter((incident) => fits(incident, wanted));
      kw.set("incidents-panel-sub", kw.t("of_open", { n: kw.number(found.length), all: kw.number(store.incidents.length) }));
      if (found.length) return own.list(place, found);
      const filtered = store.incidents.length > 0;
      const words = kw.t("checked_sites", { n: kw.number(store.sites.length), time: kw.clock(store.at) });
      place.replaceChildren(own.note("finished", kw.t(filtered ? "none_fits" : "no_incidents"), words));
    });
  }

  /* ---- one incident: the server draws it anew when something about it has changed ---- */
  let known = "";
  function one() {
    const page = document.getElementById("incident");
    if (!page || !store.filled) return;
    const row = store.incidents.find((incident) => String(incident.incident_id) === page.dataset.incident);
    const sign = JSON.stringify(row || null);
    if (known && known !== sign) window.dash_clientside.set_props("incident-tick", { data: Date.now() });
    known = sign;
  }
  kw.mount("incident", () => ((known = ""), one()));

  function count() {
    const place = document.getElementById("nav-incidents-count");
    if (!place) return;
    const n = store.incidents.length;
    place.textContent = n ? kw.number(n) : "";
    place.classList.toggle("hot", store.incidents.some((incident) => incident.severity === "critical"));
  }

  /* Choices stand in the address: a select or a field named after its parameter. */
  const choose = (name, value) => kw.ask(name, value, ["before"]);
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("select[data-asks]")) choose(event.target.dataset.asks, event.target.value);
  });
  document.addEventListener("keydown", (event) => {
    const typed = event.key === "Enter" && event.target.closest?.("[data-asks=q]");
    if (typed) choose("q", event.target.value.trim());
  });
  function showChosen() {
    const search = new URLSearchParams(location.search);
    document.querySelectorAll("select[data-asks]").forEach((select) => (select.value = search.get(select.dataset.asks) || ""));
  }
  kw.mount("asking", () => requestAnimationFrame(showChosen));

  /* ---- forms ---- */
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  document.addEventListener("change", (event) => {
    const picks = event.target.dataset?.picks;
    if (picks) setProps(picks, { value: event.target.value });
    if (event.target.id === "plan-pick") setProps("plan-what", { value: event.target.value });
  });
  const sent = (id) => document.querySelector(`input#${id}, #${id} input`)?.value || "";
  const show = (select, id) => [...select.options].some((option) => option.value === sent(id)) && (select.value = sent(id));
  kw.mount("plan-pick", (select) => requestAnimationFrame(() => show(select, "plan-what")));
  kw.mount("rules", () => requestAnimationFrame(() => document.querySelectorAll("select[data-picks]").forEach((select) => show(select, select.dataset.picks))));
  kw.picker(["plan-from", "plan-until"], "datetime-local", "60");
  kw.mount("handover-print", (button) => button.addEventListener("click", () => window.print()));
  // what was changed shows in the lists: the page is asked for anew, once it has been read that it worked
  new MutationObserver(() => {
    const told = document.querySelector("[data-anew]:not([data-heard])");
    if (!told) return;
    told.dataset.heard = "true";
    const address = location.href;
    setTimeout(() => location.href === address && location.assign(location.pathname), 1200);
  }).observe(document.documentElement, { childList: true, subtree: true });

  const all = () => (count(), open(), one());
  kw.on("all", all);
  kw.on("incidents", all);
  kw.on("evses", (news) => news.moved.length && open());
  kw.mount("incidents-open", open);
  kw.mount("live-word", count);
})(window.kilowatch);
