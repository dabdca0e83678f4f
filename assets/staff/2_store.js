/* What this page knows: one row per evse, the network it belongs to, incidents and the day's sums.
   Counts per site and in all are kept by difference, so a change costs the same with ten evses or ten thousand. */
(function (kw) {
  "use strict";
  const store = (kw.store = { version: "", rows: new Map(), evses: new Map(), stations: new Map(), sites: [], incidents: [], today: {}, counts: {}, power: 0, affected: {}, at: 0, filled: false });

  /* Columns of arrays to objects, one per row. */
  function objects(columns) {
    const names = Object.keys(columns);
    const length = names.length ? columns[names[0]].length : 0;
    return Array.from({ length }, (_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  }

  store.setNetwork = function (version, columns) {
    const sites = new Map();
    store.stations = new Map();
    store.evses = new Map();
    for (const evse of objects(columns)) {
      const siteKey = evse.site_id === null ? "none" : evse.site_id;
      let site = sites.get(siteKey);
      if (!site) {
        site = { index: sites.size, id: evse.site_id, name: evse.site || kw.t("no_site"), city: evse.city, latitude: evse.latitude, longitude: evse.longitude, stations: [], counts: {}, evses: 0, sessions: 0 };
        sites.set(siteKey, site);
      }
      let station = store.stations.get(evse.station_id);
      if (!station) {
        station = { id: evse.station_id, site, evses: [] };
        store.stations.set(evse.station_id, station);
        site.stations.push(station);
      }
      evse.station = station;
      station.evses.push(evse);
      site.evses += 1;
      store.evses.set(evse.evse_key, evse);
    }
    store.sites = [...sites.values()];
    store.version = version;
    recount();
  };

  function recount() {
    store.counts = {};
    store.affected = { unknown: 0, faulted: 0 };
    store.power = 0;
    store.sites.forEach((site) => (site.counts = {}));
    for (const row of store.rows.values()) count(row, 1);
  }

  function count(row, by) {
    store.counts[row.state] = (store.counts[row.state] || 0) + by;
    if (row.state === "charging") store.power += by * (row.power_w || 0);
    // a running session that nobody can see, or on an evse that has failed
    if (row.session_id !== null && row.state in store.affected) store.affected[row.state] += by;
    const evse = store.evses.get(row.evse_key);
    if (evse) {
      const counts = evse.station.site.counts;
      counts[row.state] = (counts[row.state] || 0) + by;
    }
  }

  /* All rows anew. */
  store.fill = function (columns) {
    store.rows = new Map(objects(columns).map((row) => [row.evse_key, row]));
    store.filled = true;
    recount();
  };

  /* Some rows; gives those whose state changed and all that changed. */
  store.merge = function (columns) {
    const changed = objects(columns), moved = [];
    for (const row of changed) {
      const before = store.rows.get(row.evse_key);
      if (before) count(before, -1);
      count(row, 1);
      store.rows.set(row.evse_key, row);
      if (!before || before.state !== row.state) moved.push(row);
    }
    return { changed, moved };
  };
})(window.kilowatch);
