/* The incident wall: the three worst incidents, the figures, where they are. It never needs a hand: it reconnects by
   itself, keeps its login, and says in large type when what it shows is old. */
(function (kw) {
  "use strict";
  const store = kw.store, el = kw.el;
  const MOST = 3, KEEP_MS = 3600 * 1000;
  const FOOT = { available: ["available", "silent", "derated"], charging: ["charging"], suspended: ["suspended", "finished", "preparing", "reserved"], faulted: ["faulted"], unavailable: ["unavailable"], unknown: ["unknown"] };
  let due = 0;

  const here = () => document.getElementById("wall");

  function later() {
    if (due || !here()) return;
    due = requestAnimationFrame(() => ((due = 0), here() && store.filled && draw()));
  }

  function draw() {
    const n = (state) => store.counts[state] || 0, affected = store.affected.unknown + store.affected.faulted;
    kw.set("wall-about", kw.t("wall_about", { sites: kw.number(store.sites.filter((site) => site.id !== null).length), evses: kw.number(store.rows.size), n: kw.number(store.incidents.length) }));
    kw.set("wall-affected", kw.number(affected), true);
    document.getElementById("wall-affected-tile").classList.toggle("crit", affected > 0);
    kw.set("wall-dark", kw.number(store.sites.filter((site) => site.id !== null && kw.isDark(site)).length), true);
    ["faulted", "silent", "unknown"].forEach((state) => kw.set("wall-" + state, kw.number(n(state)), true));
    first();
    foot(n);
    incidents();
  }

  function first() {
    const share = (part, whole) => (whole ? (100 * part) / whole : null), today = store.today;
    const week = share(today.week_first_successes, today.week_visits);
    kw.set("wall-first", kw.number(share(today.day_first_successes, today.day_visits), 1), true);
    kw.set("wall-first-label", kw.t("first_try", { share: kw.percent(week, 1) }));
  }

  function foot(n) {
    for (const [name, states] of Object.entries(FOOT)) {
      const count = states.reduce((sum, state) => sum + n(state), 0);
      kw.set("wall-n-" + name, kw.number(count));
      document.getElementById("wall-bar-" + name).style.flexGrow = count;
    }
  }

  function incidents() {
    const place = document.getElementById("wall-incidents"), found = kw.incidents.ranked().slice(0, MOST);
    if (found.length) return kw.incidents.list(place, found, row);
    const words = kw.t("checked_sites", { n: kw.number(store.sites.length), time: kw.time(store.at) });
    place.replaceChildren(el("div", { class: "wall-calm" }, kw.glyph("finished", 96), el("p", { class: "t" }, kw.t("no_incidents")), el("p", { class: "c" }, words)));
  }

  /* One incident in as few words as say what to do. */
  function row(incident) {
    const own = kw.incidents, none = own.noneFree(incident) && incident.stations < 2;
    const where = incident.stations === 1 && incident.station_id ? incident.station_id : own.count(incident), fault = kw.page().words["fault." + incident.cause];
    const harm = [where, incident.drivers ? own.plural("drivers", incident.drivers) : ""].filter(Boolean).join(", ");
    const title = none ? kw.t("wall.none_free", { site: incident.site }) : own.title(incident, "wall.");
    const said = el("div", { class: "words" }, el("div", { class: "t" }, title), el("div", { class: "c" }, [harm, fault, own.next(incident)].filter(Boolean).join(" · ")));
    const owner = incident.owner ? el("div", { class: "own" }, incident.owner.split(/[ @]/)[0]) : el("div", { class: "own" }, el("b", {}, kw.t("nobody_short")));
    const side = el("div", { class: "side" }, el("div", { class: "age", "data-since": incident.opened_at }, kw.age(store.at - incident.opened_at)), owner);
    return el("li", { class: incident.severity === "critical" ? "crit" : null, "data-id": incident.incident_id }, kw.glyph(own.glyph(incident)), said, side);
  }

  /* The clock is the viewer's own; while the feed is lost it shows of when the picture is. */
  function clock() {
    if (!here()) return;
    const now = Date.now() / 1000;
    kw.set("wall-clock", kw.time(now));
    kw.set("wall-day", kw.day(now));
    here().classList.toggle("lost", Boolean(kw.isStale));
    if (kw.isStale) kw.set("wall-about", kw.t("wall_stale", { time: kw.clock(store.at), age: kw.duration(now - store.at) }));
    else later();
  }

  const days = {};
  kw.day = function (seconds) {
    const page = kw.page(), key = page.locale + page.zone;
    days[key] ||= new Intl.DateTimeFormat(page.locale, { timeZone: page.zone, weekday: "long", day: "numeric", month: "long" });
    return days[key].format(seconds * 1000).replace(",", "");
  };

  /* A login lasts as long as it is used: a wall uses its own. */
  setInterval(() => here() && fetch("/live/network", { method: "HEAD", credentials: "same-origin" }).catch(() => {}), KEEP_MS);

  ["all", "incidents", "today"].forEach((news) => kw.on(news, later));
  kw.on("evses", (news) => news.moved.length && later());
  kw.on("stale", clock);
  kw.on("live", () => (clock(), later()));
  kw.mount("wall", () => (clock(), later()));
  setInterval(clock, 1000);
})(window.kilowatch);
