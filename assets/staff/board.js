/* The board: figures, incidents and the worst stations, written from the store. Each part is worked out anew at
   most once per frame and touches only what differs. */
(function (kw) {
  "use strict";
  const store = kw.store, el = kw.el;
  const MOST_ROWS = 40, LEAST_ROWS = 3;
  // order of harm; a station is as bad as its worst evse
  const HARM = { faulted: 0, unknown: 1, silent: 2, derated: 3, unavailable: 4 };
  // where nobody can charge: what is normal there is lost
  const LOSES = new Set(["faulted", "unknown", "silent", "unavailable"]);
  let due = new Set();

  function later(...parts) {
    if (!document.getElementById("board")) return;
    const idle = due.size === 0;
    parts.forEach((part) => due.add(part));
    if (idle) requestAnimationFrame(draw);
  }

  function draw() {
    const parts = due;
    due = new Set();
    if (!document.getElementById("board") || !store.filled) return;
    if (parts.has("figures")) figures();
    if (parts.has("incidents")) incidents();
    if (parts.has("stations")) stations();
    if (parts.has("today")) today();
    kw.tell("drawn");
  }

  /* ---- figures ---- */
  function figures() {
    const { unknown: unseen, faulted: failed } = store.affected;
    const n = (state) => store.counts[state] || 0, all = store.rows.size;
    kw.set("affected-value", kw.number(unseen + failed), true);
    kw.set("affected-detail", kw.t(unseen + failed ? "unseen" : "none_affected", { unseen, failed }));
    document.getElementById("affected")?.classList.toggle("crit", unseen + failed > 0);
    dark();
    kw.set("down-faulted", kw.number(n("faulted")), true);
    kw.set("down-silent", kw.number(n("silent")), true);
    kw.set("down-unknown", kw.number(n("unknown")), true);
    kw.set("down-detail", kw.t("of_evses", { n: kw.number(all), closed: kw.number(n("unavailable")) }));
    kw.set("charging-value", kw.number(n("charging")), true);
    kw.set("charging-unit", kw.number(Math.max(0, store.power) / 1000) + "\u00a0kW");
    kw.set("charging-detail", kw.t("share", { share: kw.percent(all ? (100 * n("charging")) / all : null) }));
    legend(n);
  }

  const isDark = (kw.isDark = function (site) {
    // evses that have never connected can not have lost contact
    const unknown = site.counts.unknown || 0;
    return unknown > 0 && unknown + (site.counts.unconnected || 0) === site.evses;
  });

  function dark() {
    const found = store.sites.filter((site) => site.id !== null && isDark(site));
    const sites = store.sites.filter((site) => site.id !== null).length;
    kw.set("dark-value", kw.number(found.length), true);
    kw.set("dark-unit", kw.t("of_n", { n: kw.number(sites) }));
    const more = found.length > 1 ? kw.t("and_more", { name: found[0].name, n: found.length - 1 }) : found[0]?.name;
    kw.set("dark-detail", more || kw.t("all_in_contact"));
  }

  function legend(n) {
    const shown = { available: n("available") + n("silent") + n("derated"), charging: n("charging"), suspended: n("suspended") + n("finished") + n("preparing") + n("reserved"), faulted: n("faulted"), unavailable: n("unavailable"), unknown: n("unknown") };
    document.querySelectorAll("#legend .legend > *").forEach((item) => {
      const state = Object.keys(shown).find((name) => item.querySelector(".st-" + name));
      const word = item.querySelector(".mut"), count = item.querySelector("b");
      if (state === "suspended") word.textContent = kw.t("occupied_idle");
      if (count.textContent !== kw.number(shown[state])) count.textContent = kw.number(shown[state]);
    });
    kw.set("map-panel-sub", kw.t("map_sub", { evses: kw.number(store.rows.size), sites: kw.number(store.sites.length) }));
  }

  /* A day's sales in a tile: whole units of the currency, its books have the rest. */
  kw.wholeMoney = function (minor, currency) {
    const digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
    const text = kw.number(Math.round(minor / 10 ** digits));
    return kw.page().language === "sv" ? text + "\u00a0" + (currency === "SEK" ? "kr" : currency) : currency + "\u00a0" + text;
  };

  function today() {
    if (store.today.energy_wh === undefined) return;
    kw.set("today-value", kw.number(store.today.energy_wh / 1000), true);
    const net = kw.wholeMoney(store.today.net, store.today.currency);
    kw.set("today-detail", kw.t("sessions_and_net", { n: kw.number(store.today.sessions), net }));
    kw.set("holds-value", kw.number(store.today.holds), true);
    kw.set("holds-detail", kw.t(store.today.holds ? "look_at_holds" : "no_old_holds"));
    firstAttempts(store.today);
  }

  /* Today against the week: in points, red where it got worse. */
  function firstAttempts(counts) {
    const day = share(counts.day_first_successes, counts.day_visits), week = share(counts.week_first_successes, counts.week_visits);
    const points = day === null || week === null ? 0 : Math.round((day - week) * 10) / 10;
    const unit = document.getElementById("first-unit");
    kw.set("first-value", kw.percent(day, 1), true);
    kw.set("first-unit", points ? kw.t("points", { points: (points > 0 ? "+" : "") + kw.number(points, 1) }) : "");
    unit?.classList.toggle("down", points < 0);
    unit?.classList.toggle("up", points > 0);
    kw.set("first-detail", kw.t("seven_days", { share: kw.percent(week, 1) }));
  }

  const share = (part, whole) => (whole ? (100 * part) / whole : null);

  /* ---- incidents ---- */
  function incidents() {
    const list = kw.incidents.ranked(), place = document.getElementById("incidents-list");
    if (!place) return;
    const critical = list.filter((incident) => incident.severity === "critical").length;
    const unowned = list.filter((incident) => !incident.owner && !incident.acknowledged_at).length;
    const alerts = list.reduce((sum, incident) => sum + incident.alerts, 0);
    chip("incidents-critical", critical, "critical_n");
    chip("incidents-unassigned", unowned, "unassigned_n");
    kw.set("incidents-sub", list.length ? kw.t("open_alerts", { n: list.length, alerts }) : "");
    if (list.length) kw.incidents.list(place, list);
    else place.replaceChildren(note("finished", kw.t("no_incidents"), kw.t("checked_sites", { n: kw.number(store.sites.length), time: kw.clock(store.at) })));
  }

  function chip(id, n, key) {
    const element = document.getElementById(id);
    if (!element) return;
    element.hidden = n === 0;
    element.textContent = kw.t(key, { n });
  }

  const note = (...parts) => kw.incidents.note(...parts);

  /* ---- stations, worst first ---- */
  function worst() {
    const found = [];
    for (const site of store.sites) {
      if (!site.evses || !Object.keys(HARM).some((state) => site.counts[state])) continue;
      if (site.id !== null && site.stations.length > 1 && isDark(site)) found.push(darkSite(site));
      else site.stations.forEach((station) => found.push(ofStation(station)));
    }
    return found.filter(Boolean).sort((a, b) => a.rank - b.rank || b.lost - a.lost || a.harm - b.harm || b.weight - a.weight || a.since - b.since);
  }

  function rowsOf(stations) {
    return stations.flatMap((station) => station.evses.map((evse) => store.rows.get(evse.evse_key))).filter(Boolean);
  }

  const lost = (rows) => rows.reduce((sum, row) => sum + ((LOSES.has(row.state) && store.evses.get(row.evse_key)?.per_day) || 0), 0);

  function darkSite(site) {
    const rows = rowsOf(site.stations), ids = site.stations.map((station) => station.id).sort();
    const name = ids[0] + " \u2026 " + ids[ids.length - 1].replace(commonStart(ids[0], ids[ids.length - 1]), "");
    return { id: "site-" + site.id, rank: -1, lost: lost(rows), harm: HARM.unknown, weight: rows.length, since: Math.min(...rows.map((row) => row.state_since || 0)), row: rows[0], word: kw.state("unknown"), name, href: "/app/stations?q=" + encodeURIComponent(site.name), site: site.name, states: rows.map((row) => row.state), cause: kw.t("site_dark_stations", { n: ids.length }) };
  }

  function commonStart(a, b) {
    let i = 0;
    while (i < a.length && a[i] === b[i]) i += 1;
    return a.slice(0, i - (/\d/.test(a[i - 1] || "") ? 1 : 0));
  }

  function ofStation(station) {
    const rows = rowsOf([station]);
    const bad = rows.filter((row) => row.state in HARM).sort((a, b) => HARM[a.state] - HARM[b.state] || a.state_since - b.state_since);
    if (!bad.length) return null;
    const first = bad[0];
    const free = station.site.counts.available || 0;
    // the last free evse of a site first, then what costs most sessions
    return { id: station.id, rank: free === 0 && LOSES.has(first.state) ? 0 : 1, lost: lost(rows), harm: HARM[first.state], weight: bad.length, since: first.state_since || 0, row: first, word: first.state === "unknown" ? kw.state("unknown") : kw.words(first), name: station.id, href: "/app/station/" + encodeURIComponent(station.id), site: station.site.name, states: rows.map((row) => row.state), cause: "" };
  }

  function stations() {
    const body = document.getElementById("worst-body"), empty = document.getElementById("worst-note");
    if (!body) return;
    const found = worst();
    kw.set("stations-sub", found.length ? kw.t("need_look", { n: kw.number(found.length), all: kw.number(store.stations.size) }) : "");
    empty.hidden = found.length > 0;
    if (!found.length) {
      const title = store.stations.size ? "nothing_wrong" : "no_stations";
      const words = store.stations.size ? kw.t("checked_sites", { n: kw.number(store.sites.length), time: kw.clock(store.at) }) : kw.t("add_station");
      empty.replaceChildren(note(store.stations.size ? "finished" : "unknown", kw.t(title), words));
    }
    body.closest("table").hidden = found.length === 0;
    patch(body, found.slice(0, MOST_ROWS));
    fit();
  }

  /* Whole rows only, as many as there is room for: the others are one click away, behind All stations. */
  function fit() {
    const body = document.getElementById("worst-body"), frame = body?.closest(".scroll");
    if (!frame || !body.rows.length) return;
    const rows = [...body.rows];
    rows.forEach((row) => (row.hidden = false));
    if (getComputedStyle(frame).overflowY === "visible") return;
    const bottom = frame.getBoundingClientRect().bottom + 1;
    rows.forEach((row, i) => (row.hidden = i >= LEAST_ROWS && row.getBoundingClientRect().bottom > bottom));
  }
  window.addEventListener("resize", () => later("stations"));

  /* Rows are kept by their id and rewritten only when something in them differs. */
  function patch(body, found) {
    const old = new Map([...body.children].map((row) => [row.dataset.id, row]));
    found.forEach((item, place) => {
      const sign = [item.word, item.name, item.site, item.states, item.since, item.cause, Math.round(item.lost * 10), kw.page().language].join("|");
      let row = old.get(item.id);
      old.delete(item.id);
      if (!row || row.dataset.sign !== sign) {
        const fresh = stationRow(item, sign);
        if (row) row.replaceWith(fresh);
        row = fresh;
      }
      if (body.children[place] !== row) body.insertBefore(row, body.children[place] || null);
    });
    old.forEach((row) => row.remove());
  }

  function stationRow(item, sign) {
    const cell = (content, kind) => el("td", { class: kind }, content);
    const badge = el("span", { class: "bd st-" + item.row.state }, kw.glyph(item.row.state), el("span", {}, item.word));
    return el("tr", { "data-id": item.id, "data-sign": sign }, cell(badge), cell(el("a", { href: item.href, class: "mono" }, item.name)), cell(item.site), cell(glyphs(item.states)), cell(kw.since(item.since)), cell(item.cause || otherWords(item), "ell mut"), cell(item.lost ? kw.number(item.lost, 1) : "\u2013", "num"));
  }

  function otherWords(item) {
    const free = item.states.filter((state) => state === "available").length;
    return free ? kw.t("of_n_free", { n: free, all: item.states.length }) : kw.t("none_free");
  }

  function glyphs(states) {
    const label = states.map(kw.state).join(", ");
    const same = states.length > 4 && new Set(states).size === 1;
    const shapes = same ? [kw.glyph(states[0], 11), el("span", {}, "\u00d7 " + states.length)] : states.slice(0, 8).map((state) => kw.glyph(state, 11));
    return el("span", { class: "glyphs", role: "img", "aria-label": label }, ...shapes);
  }

  /* ---- stamp ---- */
  function stamp() {
    const word = document.getElementById("live-word");
    if (!word) return;
    kw.set("live-word", kw.t(kw.isStale ? "not_live" : store.filled ? "live" : "connecting"));
    kw.set("live-clock", kw.isStale ? kw.clock(store.at) + " · " + kw.t("old", { age: kw.duration(Date.now() / 1000 - store.at) }) : store.at ? kw.clock(store.at) : "");
    document.getElementById("live")?.classList.toggle("warn", Boolean(kw.isStale));
  }

  function ages() {
    document.querySelectorAll("[data-since]").forEach((element) => {
      const text = kw.age(store.at - Number(element.dataset.since));
      if (element.textContent !== text) element.textContent = text;
    });
  }

  kw.on("all", () => later("figures", "incidents", "stations", "today"));
  kw.on("evses", (news) => later(...(news.moved.length ? ["figures", "incidents", "stations"] : ["figures"])));
  kw.on("incidents", () => later("incidents"));
  kw.on("today", () => later("today"));
  kw.on("beat", stamp);
  kw.on("stale", stamp);
  kw.on("live", stamp);
  kw.mount("board", () => later("figures", "incidents", "stations", "today"));
  kw.mount("live-word", stamp);
  setInterval(() => (ages(), kw.isStale && stamp()), 1000);
})(window.kilowatch);
