/* The station page: ticks words and figures of its evses, lets the running curves grow, and asks the server for a
   part anew only when a state or a session has changed. */
(function (kw) {
  "use strict";
  const store = kw.store;
  let keys = new Set(), stationId = "", known = new Map(), ticks = 0, asking = 0;

  function begin(element) {
    keys = new Set((element.dataset.keys || "").split(",").filter(Boolean).map(Number));
    stationId = element.dataset.station;
    known = new Map([...keys].map((key) => [key, shape(store.rows.get(key))]));
  }

  // what the server has drawn for: another state or session needs another card, and 0.1 kWh prove a start
  const shape = (row) => (row ? [row.state, row.session_id, row.is_online, row.energy_wh >= 100].join() : "");

  function take(rows) {
    if (!document.getElementById("station")) return;
    let redraw = false;
    for (const row of rows) {
      if (!keys.has(row.evse_key)) continue;
      if (known.get(row.evse_key) !== "" && known.get(row.evse_key) !== shape(row)) redraw = true;
      known.set(row.evse_key, shape(row));
      tick(row);
    }
    if (redraw) ask();
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
    window.Plotly.relayout(graph, { annotations: [...notes, ...(graph.layout.annotations || []).slice(strips.length)] });
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
    if (document.getElementById("station") && command.station_id === stationId) window.dash_clientside.set_props("command-tick", { data: command.command_id });
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button.copy");
    if (!button) return;
    event.preventDefault();
    const text = button.parentElement.querySelector("pre").textContent;
    navigator.clipboard.writeText(text).then(() => (button.lastChild.textContent = kw.t("copied")));
  });
})(window.kilowatch);
