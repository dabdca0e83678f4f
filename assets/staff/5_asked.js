/* What the page asked the server for and did not get, because the server or its database was gone: says so, and asks
   again by itself once the feed is live. Ticks are asked again, a page that was not read is loaded, deeds are not
   repeated: whoever pressed a button decides. */
(function (kw) {
  "use strict";
  const ADDRESS = "/_dash-update-component", GONE = new Set([502, 503, 504]), LONGEST_WAIT = 8000;
  const plain = window.fetch;
  let missed = null, attempt = 0, timer = 0;

  window.fetch = async function (asked, options) {
    if (!String(asked.url || asked).includes(ADDRESS)) return plain.apply(window, arguments);
    let answer = null;
    try {
      answer = await plain.apply(window, arguments);
    } catch (error) {
      if (error.name !== "AbortError") miss(options);
      throw error;
    }
    if (GONE.has(answer.status)) miss(options);
    return answer;
  };

  /* Which inputs changed says what it was. */
  function miss(options) {
    let changed = [];
    try {
      changed = JSON.parse(options.body).changedPropIds || [];
    } catch {
      // not ours to understand
    }
    missed ||= { page: false, ticks: new Set(), deed: false };
    for (const name of changed) {
      const id = name.replace(/\.\w+$/, "");
      if (id === "_pages_location") missed.page = true;
      else if (id.endsWith("-tick")) missed.ticks.add(id);
      else missed.deed = true;
    }
    say();
    wait();
  }

  function say() {
    const key = missed.page ? "page_not_read" : missed.deed ? "not_done" : "";
    document.getElementById("asked")?.remove();
    if (!key) return;
    const button = kw.el("button", { class: "ctl", type: "button" }, kw.t("try_now"));
    button.addEventListener("click", look);
    // outside of what Dash draws: it may be drawing nothing
    document.body.prepend(kw.el("div", { class: "banner", id: "asked", role: "alert" }, kw.el("b", {}, kw.t("no_answer")), kw.el("span", {}, kw.t(key)), kw.el("i", { class: "sp" }), missed.page ? button : null));
  }

  function wait() {
    clearTimeout(timer);
    timer = setTimeout(look, Math.min(LONGEST_WAIT, 1000 * 2 ** Math.min(attempt++, 4)) * (0.75 + Math.random() / 2));
  }

  /* Is somebody there who can read? Asked only while an answer is owed. */
  async function look() {
    if (!missed) return;
    const answer = await plain("/readyz", { credentials: "same-origin" }).catch(() => null);
    if (answer && answer.ok) mend();
    else wait();
  }

  function mend() {
    if (!missed) return;
    const { page, ticks, deed } = missed;
    clearTimeout(timer);
    missed = null;
    attempt = 0;
    if (page) return void location.reload();
    ticks.forEach((id) => window.dash_clientside.set_props(id, { data: Date.now() }));
    // what was not done stays said until something else is
    if (!deed) document.getElementById("asked")?.remove();
    else setTimeout(() => missed || document.getElementById("asked")?.remove(), 8000);
  }

  kw.on("live", look);
})(window.kilowatch);
