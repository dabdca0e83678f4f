/* The live stream: one EventSource, watched. Without a beat for five seconds the view says that it is not live
   and commands lock; with the next beat everything is back at once. */
(function (kw) {
  "use strict";
  const STALE_MS = 5000, LONGEST_WAIT = 8000;
  const store = kw.store;
  let source = null, lastId = "", beatAt = Date.now(), attempt = 0, tryAt = 0, stale = false, asked = null;

  const on = {
    snapshot(data) {
      store.fill(data.evses);
      store.incidents = data.incidents;
      store.today = data.today;
      if (data.network !== store.version) return fetchNetwork(data.network);
      kw.tell("all");
    },
    evses(data) {
      const news = store.merge(data.evses);
      if (news.changed.some((row) => !store.evses.has(row.evse_key))) return;
      kw.tell("evses", news);
    },
    incidents(data) {
      store.incidents = data.incidents;
      kw.tell("incidents");
    },
    today(data) {
      store.today = data.today;
      kw.tell("today");
    },
    command: (data) => kw.tell("command", data.command),
    beat() {},
  };

  async function fetchNetwork(version) {
    if (asked === version) return;
    asked = version;
    try {
      const answer = await fetch("/live/network", { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      store.setNetwork(version, await answer.json());
      kw.tell("network");
      kw.tell("all");
    } catch (error) {
      lastId = "";
      fail();
    } finally {
      asked = null;
    }
  }

  function open() {
    if (source) source.close();
    source = new EventSource("/live" + (lastId ? "?after=" + encodeURIComponent(lastId) : ""));
    for (const [name, take] of Object.entries(on)) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) lastId = event.lastEventId;
        const data = JSON.parse(event.data);
        if (data.at) store.at = data.at;
        heard();
        take(data);
      });
    }
    source.onerror = fail;
  }

  function heard() {
    beatAt = Date.now();
    attempt = 0;
    if (stale) show(false);
    kw.tell("beat");
  }

  function fail() {
    if (source) source.close();
    source = null;
    attempt += 1;
    // everybody lost the stream at the same moment: they should not come back at the same moment
    tryAt = Date.now() + Math.min(LONGEST_WAIT, 250 * 2 ** Math.min(attempt, 6)) * (0.75 + Math.random() / 2);
    if (attempt === 3) askIfSignedIn();
  }

  /* An event stream cannot tell why it failed; a login that ended needs a new login, not patience. */
  async function askIfSignedIn() {
    const answer = await fetch("/live/network", { method: "HEAD", credentials: "same-origin" }).catch(() => null);
    if (answer && answer.status === 401) location.reload();
  }

  function watch() {
    if (!document.getElementById("main")) return;
    if (!source && Date.now() >= tryAt) open();
    if (!stale && store.filled && Date.now() - beatAt > STALE_MS) show(true);
    if (stale) drawBanner();
  }

  function show(isStale) {
    stale = isStale;
    kw.isStale = isStale;
    const main = document.getElementById("main");
    if (main) main.toggleAttribute("data-stale", isStale);
    lock(isStale);
    if (!isStale) document.getElementById("stale-banner")?.replaceChildren();
    kw.tell(isStale ? "stale" : "live");
  }

  function lock(isLocked) {
    document.querySelectorAll("button.act").forEach((button) => {
      if (isLocked && !button.disabled) button.dataset.locked = button.disabled = true;
      if (!isLocked && button.dataset.locked) {
        button.disabled = false;
        delete button.dataset.locked;
      }
    });
  }

  function drawBanner() {
    const place = document.getElementById("stale-banner");
    if (!place) return;
    lock(true);
    if (!place.firstChild) {
      const button = kw.el("button", { class: "ctl", type: "button" }, kw.t("try_now"));
      button.addEventListener("click", () => (tryAt = 0));
      const words = kw.el("b", {}, kw.t("view_is_from", { time: kw.clock(store.at) }));
      place.append(kw.el("div", { class: "banner", role: "alert" }, words, kw.el("span", {}, kw.t("nothing_lost")), kw.el("span", { id: "stale-try", "aria-live": "off" }), kw.el("i", { class: "sp" }), button));
    }
    const wait = Math.max(0, Math.ceil((tryAt - Date.now()) / 1000));
    kw.set("stale-try", source ? kw.t("waiting") : kw.t("next_try", { seconds: wait, attempt }));
  }

  kw.mount("main", () => stale && show(true));
  setInterval(watch, 250);
  window.addEventListener("pagehide", () => source && source.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) tryAt = 0, (source = null);
  });
  kw.mount("main", () => source || open());
})(window.kilowatch);
