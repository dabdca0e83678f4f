/* The station page: ticks words and figures of its evses, lets the running curves grow, and asks the server for a
   part anew only when a state or a session has changed. */
(function (kw) {
  "use strict";
  const store = kw.store;
  let keys = new Set(), stationId = "", known = new Map(), ticks = 0, asking = 0;

  function begin(element) {
    stationId = element.dataset.station;
    known = new Map((element.dataset.drawn || "").split(";").filter(Boolean).map((one) => {
      const [key, drawn] = one.split("=");
      return [Number(key), drawn];
    }));
    keys = new Set(known.keys());
    take([...keys].map((key) => store.rows.get(key)).filter(Boolean));
  }

  // what the server has drawn for: another state or session needs another card, and 0.1 kWh prove a start
  const shape = (row) => [row.state, row.session_id, row.is_online, row.energy_wh >= 100].join();

  function take(rows) {
    if (!document.getElementById("station")) return;
    let redraw = false;
    for (const row of rows) {
      if (!keys.has(row.evse_key)) continue;
      if (known.get(row.evse_key) !== shape(row)) redraw = true;
      known.set(row.evse_key, shape(row));
      tick(row);
      askLog();
    }
    if (redraw) ask();
  }

  /* The log of messages: again when something happened here, every other second at most, and not while one is being
     read. Nothing is lost by waiting: the next change asks again. */
  let logDue = 0, logAt = 0;
  function askLog() {
    if (logDue) return;
    logDue = setTimeout(() => {
      logDue = 0;
      if (!document.getElementById("log-rows")) return;
      if (document.querySelector("#log-rows details[open]")) return void (logDue = setTimeout(() => ((logDue = 0), askLog()), 2000));
      logAt = Date.now();
      window.dash_clientside.set_props("log-tick", { data: logAt });
    }, Math.max(120, logAt + 2000 - Date.now()));
  }

  function tick(row) {
    const id = "evse-" + row.evse_key;
    kw.set(id + "-words", kw.words(row), true);
    const glyph = document.getElementById(id + "-glyph")?.firstElementChild;
    if (glyph) glyph.className = "g st-" + row.state;
    if (row.session_id === null) return;
    kw.set(id + "-power", kw.kw(row.power_w), true);
    kw.set(id + "-energy", kw.kwh(row.energy_wh));
    kw.set(id + "-soc", kw.percent(row.soc_pct));
    grow(row);
  }

  /* Add the newest reading to each strip of the curve, without drawing it anew. */
  function grow(row) {
    const graph = document.querySelector(`#curve-${row.evse_key} .js-plotly-plot`);
    if (!graph || !window.Plotly || !graph.data) return;
    const values = [row.power_w === null ? null : row.power_w / 1000, row.energy_wh / 1000, row.soc_pct];
    const words = [kw.kw(row.power_w), kw.kwh(row.energy_wh, 2), kw.percent(row.soc_pct)];
    const strips = graph.data.map((trace, i) => i).filter((i) => graph.data[i].mode === "lines");
    const at = wall(row.register_at || store.at);
    const last = graph.data[strips[0]].x;
    if (wall(new Date(last[last.length - 1])) === at) return;
    const update = { x: strips.map(() => [at]), y: strips.map((_, i) => [values[i]]), customdata: strips.map((_, i) => [words[i]]) };
    window.Plotly.extendTraces(graph, update, strips);
    const notes = (graph.layout.annotations || []).slice(0, strips.length).map((note, i) => ({ ...note, x: at, y: values[i], text: note.text.replace(/>[^<]*<\/b>/, ">" + words[i] + "</b>") }));
    const change = { annotations: [...notes, ...(graph.layout.annotations || []).slice(strips.length)] };
    // the axis of energy has a fixed end, for round figures beside it: a longer one is needed now and then
    const end = roundAbove(values[1]);
    if (end > graph.layout.yaxis2.range[1]) Object.assign(change, { "yaxis2.range": [0, end], "yaxis2.tickvals": [0, end / 2, end] });
    window.Plotly.relayout(graph, change);
  }

  /* The next of 2, 4, 10, 20, 40, .. as dashboard/figures.py has it. */
  function roundAbove(value) {
    let top = 2;
    while (top <= value) top *= String(top).startsWith("4") ? 2.5 : 2;
    return top;
  }

  /* Wall-clock time of the reader's zone, as the server draws it. */
  function wall(seconds) {
    if (seconds instanceof Date) return local(seconds);
    const parts = new Intl.DateTimeFormat("sv-SE", { timeZone: kw.page().zone, dateStyle: "short", timeStyle: "medium" }).format(seconds * 1000);
    return parts.replace(" ", "T");
  }

  const two = (n) => String(n).padStart(2, "0");
  // plotly keeps wall-clock time: read it back as the numbers it shows
  const local = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

  /* At most one request at a time; what changes meanwhile is asked for after it. */
  function ask() {
    clearTimeout(asking);
    asking = setTimeout(() => window.dash_clientside.set_props("live-tick", { data: ++ticks }), 60);
  }

  kw.mount("station", begin);
  kw.on("all", () => take([...keys].map((key) => store.rows.get(key)).filter(Boolean)));
  kw.on("evses", (news) => take(news.changed));
  kw.on("command", (command) => {
    if (!document.getElementById("station") || command.station_id !== stationId) return;
    window.dash_clientside.set_props("command-tick", { data: command.command_id });
    askLog();
    // the report itself comes in messages of their own after this answer
    if (command.action === "GetBaseReport") setTimeout(() => document.getElementById("station") && window.dash_clientside.set_props("command-tick", { data: "report " + command.command_id }), 1500);
  });
  // it has gained or lost an evse since this page was drawn: cards, buttons and choices are others
  let networks = 0;
  kw.on("network", () => {
    const evses = store.stations.get(stationId)?.evses || [];
    const same = evses.length === keys.size && evses.every((evse) => keys.has(evse.evse_key));
    if (++networks > 1 && document.getElementById("station") && !same) location.reload();
  });

  /* Which part is open stands in the address; what is typed sifts the settings that are shown. */
  document.addEventListener("change", (event) => {
    if (!event.target.closest("#station-more")) return;
    const address = new URL(location.href);
    address.searchParams.set("more", event.target.value);
    history.replaceState(history.state, "", address.pathname + address.search);
  });
  document.addEventListener("input", (event) => {
    if (event.target.id !== "told-sift") return;
    const wanted = event.target.value.trim().toLowerCase();
    document.querySelectorAll("#told tbody tr").forEach((row) => (row.hidden = !row.textContent.toLowerCase().includes(wanted)));
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button.copy");
    if (!button) return;
    event.preventDefault();
    const text = button.parentElement.querySelector("pre").textContent;
    navigator.clipboard.writeText(text).then(() => (button.lastChild.textContent = kw.t("copied")));
  });
})(window.kilowatch);
