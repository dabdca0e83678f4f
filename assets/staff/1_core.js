/* Small tools shared by the live pages: words, figures, elements. Nothing is read from the network here. */
window.kilowatch = window.kilowatch || {};
(function (kw) {
  "use strict";
  const NARROW = "\u202f", NBSP = "\u00a0", MINUS = "\u2212", UNKNOWN = "\u2013";
  let held = null, heldFor = null;

  /* The page's words, language and time zone; the server writes them into #words. */
  kw.page = function () {
    const element = document.getElementById("words");
    if (element && heldFor !== element.dataset.words) {
      heldFor = element.dataset.words;
      held = JSON.parse(heldFor);
      held.locale = held.language === "sv" ? "sv-SE" : "en-GB";
      held.formats = {};
    }
    return held || { language: "en", locale: "en-GB", zone: "UTC", words: {}, formats: {} };
  };

  kw.t = function (key, values) {
    const text = kw.page().words[key] || key;
    return values ? text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all)) : text;
  };

  kw.state = (state) => kw.t("state." + state);

  function numberFormat(digits) {
    const page = kw.page();
    return (page.formats[digits] ||= new Intl.NumberFormat(page.locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }

  function dateFormat(name, options) {
    const page = kw.page();
    return (page.formats[name] ||= new Intl.DateTimeFormat(page.locale, { timeZone: page.zone, ...options }));
  }

  kw.number = function (value, digits = 0) {
    if (value === null || value === undefined) return UNKNOWN;
    const text = numberFormat(digits).format(value).replace("-", MINUS);
    return kw.page().language === "sv" ? text.replaceAll(NBSP, NARROW) : text;
  };
  kw.kw = (watts) => (watts === null || watts === undefined ? UNKNOWN : kw.number(watts / 1000, Math.abs(watts) < 100000 ? 1 : 0) + NBSP + "kW");
  kw.kwh = (wh, digits) => (wh === null || wh === undefined ? UNKNOWN : kw.number(wh / 1000, digits ?? (Math.abs(wh) < 100000 ? 2 : 0)) + NBSP + "kWh");
  /* Minor units of a currency, as dashboard/format.py writes them. */
  kw.money = function (minor, currency) {
    if (minor === null || minor === undefined) return UNKNOWN;
    const digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
    const text = kw.number(minor / 10 ** digits, digits);
    return kw.page().language === "sv" ? text + NBSP + (currency === "SEK" ? "kr" : currency) : currency + NBSP + text;
  };
  kw.percent = (value, digits) => (value === null || value === undefined ? UNKNOWN : kw.number(value, digits) + NBSP + "%");
  kw.time = (seconds) => dateFormat("time", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(seconds * 1000);
  kw.clock = (seconds) => dateFormat("clock", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(seconds * 1000);

  /* The shortest unambiguous form: 09:14 today, Sat 09:14 this week, else 9 Nov. */
  kw.since = function (seconds) {
    if (!seconds) return UNKNOWN;
    const key = dateFormat("key", { year: "numeric", month: "2-digit", day: "2-digit" });
    if (key.format(seconds * 1000) === key.format(Date.now())) return kw.time(seconds);
    const days = Date.now() / 86400000 - seconds / 86400;
    if (days < 6) return dateFormat("weekday", { weekday: "short" }).format(seconds * 1000).replace(".", "") + " " + kw.time(seconds);
    return dateFormat("date", { day: "numeric", month: "short" }).format(seconds * 1000).replace(".", "");
  };

  kw.duration = function (seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 60) return whole + NBSP + "s";
    if (whole < 3600) return Math.floor(whole / 60) + NBSP + "min";
    if (whole < 48 * 3600) {
      return Math.floor(whole / 3600) + NBSP + "h" + NBSP + String(Math.floor(whole / 60) % 60).padStart(2, "0") + NBSP + "min";
    }
    return kw.number(Math.floor(whole / 86400)) + NBSP + "d";
  };

  /* The same in a narrow column: 2 h 06. */
  kw.age = (seconds) => kw.duration(seconds).replace(/(h.\d\d).min$/, "$1");

  kw.fault = (code) => (!code || code === "NoError" ? "" : kw.page().words["fault." + code] || code);

  /* The staff sentence for one evse: what it is doing, how much, since when it is missing. */
  kw.words = function (row) {
    if (row.state === "charging" && row.power_w !== null) return kw.t("charging", { power: kw.kw(row.power_w) });
    if (row.state === "suspended" && row.charging_state === "SuspendedEVSE") return kw.t("paused");
    if (row.state === "faulted" && kw.fault(row.error_code)) return kw.t("fault", { fault: kw.fault(row.error_code) });
    if (row.state === "unknown" && row.state_since) return kw.t("no_contact_since", { time: kw.since(row.state_since) });
    if (row.state === "silent" && row.state_since) return kw.t("silent_since", { time: kw.since(row.state_since) });
    return kw.state(row.state);
  };

  /* An element from its tag, attributes and children; texts are always texts, never markup. */
  kw.el = function (tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  };

  kw.glyph = (state, size) => kw.el("i", { class: "g st-" + state, "aria-hidden": "true", style: size ? `width:${size}px;height:${size}px` : null });

  /* Set a text; a changed figure flashes once. */
  kw.set = function (id, text, flash) {
    const element = document.getElementById(id);
    if (!element || element.textContent === text) return;
    const first = element.textContent === "" || element.textContent === UNKNOWN;
    element.textContent = text;
    if (flash && !first) kw.flash(element);
  };

  kw.flash = function (element) {
    element.classList.remove("flash");
    requestAnimationFrame(() => element.classList.add("flash"));
    setTimeout(() => element.classList.remove("flash"), 950);
  };

  /* Call `start` whenever Dash has put an element with this id on the page. */
  const mounts = [];
  kw.mount = function (id, start) {
    mounts.push({ id, start, element: null });
  };
  function look() {
    for (const mount of mounts) {
      const element = document.getElementById(mount.id);
      if (element !== mount.element) {
        mount.element = element;
        if (element) mount.start(element);
      }
    }
  }
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });

  /* Fields of Dash get the browser's own picker of days or instants; `step` in seconds. */
  kw.picker = (ids, type, step) => ids.forEach((id) => kw.mount(id, (field) => {
    const input = field.matches("input") ? field : field.querySelector("input");
    if (!input) return;
    input.type = type;
    if (step) input.step = step;
  }));

  /* To this address with one part changed; `drop` names the parts that belong to what was shown before. */
  kw.ask = function (name, value, drop = []) {
    const address = new URL(location.href);
    drop.forEach((key) => address.searchParams.delete(key));
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
    kw.go(address.pathname + address.search);
  };

  /* A list that shows and changes one part of the address; of a part that is not in it the first choice shows. */
  kw.follow = (id, name, drop) => kw.mount(id, (select) => {
    select.value = new URLSearchParams(location.search).get(name) || "";
    if (select.selectedIndex < 0) select.selectedIndex = 0;
    select.addEventListener("change", () => kw.ask(name, select.value, drop));
  });

  /* Subscribe to and tell news between the live modules. */
  const listeners = {};
  kw.on = (name, listener) => (listeners[name] ||= []).push(listener);
  kw.tell = (name, value) => (listeners[name] || []).forEach((listener) => listener(value));

  /* Links between staff pages change the page without loading it anew, so the stream goes on. */
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='/app/']");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target || link.hasAttribute("download")) return;
    event.preventDefault();
    kw.go(link.getAttribute("href"));
  });
  kw.go = function (address) {
    history.pushState({}, "", address);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  };
})(window.kilowatch);
