/* What the stream says goes into the store, and the stream is watched: without a beat for five seconds the view says
   that it is not live and commands lock; with the next beat everything is back at once. */
(function (kw) {
  "use strict";
  const STALE_MS = 5000;
  const store = kw.store;
  let stream = null, beatAt = Date.now(), attempt = 0, tryAt = 0, stale = false, asked = null;

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
      // a row we have no place for: the snapshot that follows brings its network
      if (!news.changed.some((row) => !store.evses.has(row.evse_key))) kw.tell("evses", news);
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
    finance: (data) => kw.tell("finance", data.finance),
    beat() {},
  };

  function hear(message) {
    if (!message.event) return failed(message);
    const data = JSON.parse(message.data);
    if (data.at) store.at = data.at;
    beatAt = Date.now();
    attempt = 0;
    if (stale) show(false);
    on[message.event](data);
    kw.tell("beat");
  }

  function failed(message) {
    ({ attempt, tryAt } = message);
    if (attempt === 3) askIfSignedIn();
  }

  /* An event stream cannot tell why it failed; a login that ended needs a new login, not patience. */
  async function askIfSignedIn() {
    const answer = await fetch("/live/network", { method: "HEAD", credentials: "same-origin" }).catch(() => null);
    if (answer && answer.status === 401) location.reload();
  }

  async function fetchNetwork(version) {
    if (asked === version) return;
    asked = version;
    try {
      const answer = await fetch("/live/network", { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      store.setNetwork(version, await answer.json());
      kw.tell("network");
      kw.tell("all");
    } catch {
      setTimeout(() => stream.startOver(), 1000);
    } finally {
      asked = null;
    }
  }

  function watch() {
    if (!document.getElementById("main")) return;
    if (!stale && store.filled && Date.now() - beatAt > STALE_MS) show(true);
    if (stale) drawBanner();
  }

  function show(isStale) {
    stale = kw.isStale = isStale;
    document.getElementById("main")?.toggleAttribute("data-stale", isStale);
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
      button.addEventListener("click", () => stream.tryNow());
      const words = kw.el("b", {}, kw.t("view_is_from", { time: kw.clock(store.at) }));
      place.append(kw.el("div", { class: "banner", role: "alert" }, words, kw.el("span", {}, kw.t("nothing_lost")), kw.el("span", { id: "stale-try", "aria-live": "off" }), kw.el("i", { class: "sp" }), button));
    }
    const wait = Math.ceil((tryAt - Date.now()) / 1000);
    kw.set("stale-try", attempt && wait > 0 ? kw.t("next_try", { seconds: wait, attempt }) : kw.t("waiting"));
  }

  kw.mount("main", () => {
    if (stale) show(true);
    stream ||= kw.stream(hear);
  });
  setInterval(watch, 250);
  window.addEventListener("pagehide", () => stream && stream.close());
  // back from the browser's page cache: the stream ended when the page was put there
  window.addEventListener("pageshow", (event) => event.persisted && (stream = kw.stream(hear)));
})(window.kilowatch);
