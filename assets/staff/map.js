/* The map: sites as donuts, clustered. The points are given to the map once; a change of state repaints only the
   donuts it concerns, in place, so nothing moves or flickers. */
window.kilowatch = window.kilowatch || {};
(function (kw) {
  "use strict";
  const store = () => kw.store;
  // harm starts at twelve o'clock
  const ORDER = ["faulted", "unknown", "unavailable", "silent", "derated", "charging", "suspended", "available", "unconnected"];
  const AS = { finished: "suspended", preparing: "suspended", reserved: "suspended" };
  let drawn = new Set();

  function sum(sites) {
    const total = {};
    for (const site of sites) {
      for (const [state, n] of Object.entries(site.counts)) {
        const as = AS[state] || state;
        total[as] = (total[as] || 0) + n;
      }
    }
    return total;
  }

  function donut(counts, radius, text, warn) {
    const width = Math.max(4.5, radius * 0.32), middle = radius - width / 2, around = 2 * Math.PI * middle;
    const all = Object.values(counts).reduce((a, b) => a + b, 0) || 1, size = 2 * radius + 10, c = size / 2;
    let offset = 0, rings = "";
    for (const state of ORDER) {
      const n = counts[state];
      if (!n) continue;
      const length = (around * n) / all, drawnLength = Math.max(length - (n < all ? 1.2 : 0), 1), dashes = Math.floor(drawnLength / 3.4);
      const pattern = state !== "unknown" || dashes < 2 ? `${drawnLength.toFixed(2)} ${(around - drawnLength).toFixed(2)}` : "2 1.4 ".repeat(dashes - 1) + `2 ${(around - dashes * 3.4 + 1.4).toFixed(2)}`;
      rings += `<circle cx="${c}" cy="${c}" r="${middle.toFixed(1)}" fill="none" stroke="var(--st-${state})" stroke-width="${width.toFixed(1)}" stroke-dasharray="${pattern}" stroke-dashoffset="${(-offset).toFixed(2)}" transform="rotate(-90 ${c} ${c})"/>`;
      offset += length;
    }
    const outer = warn ? `<circle cx="${c}" cy="${c}" r="${radius + 3.5}" fill="none" stroke="var(--st-${warn})" stroke-width="1.5"/>` : "";
    return `<svg width="${size}" height="${size}" viewBox="0 0 ${size} ${size}" aria-hidden="true">${outer}<circle cx="${c}" cy="${c}" r="${radius}" fill="var(--surface)"/>${rings}<text x="${c}" y="${c + 4}" text-anchor="middle" class="n">${text}</text></svg>`;
  }

  /* The worst open incident among the sites decides the outer ring. */
  function warning(sites) {
    const ids = new Set(sites.map((site) => site.id));
    const open = store().incidents.filter((incident) => incident.site_id !== null && ids.has(incident.site_id));
    if (!open.length) return "";
    return open.some((incident) => incident.severity !== "low") ? "faulted" : "silent";
  }

  function label(sites) {
    if (sites.length === 1) return sites[0].name;
    const towns = {};
    sites.forEach((site) => (towns[site.city || site.name] = (towns[site.city || site.name] || 0) + site.evses));
    return Object.keys(towns).reduce((a, b) => (towns[b] > towns[a] ? b : a));
  }

  // areas stay comparable; in a large network all donuts are smaller, so that they leave each other room
  const scale = () => Math.min(1.15, 22 / Math.sqrt(Math.max(1, store().rows.size) / 5));

  function paint(marker) {
    const sites = marker.kwSites.map((i) => store().sites[i]).filter(Boolean);
    if (!sites.length) return;
    const counts = sum(sites), n = sites.reduce((all, site) => all + site.evses, 0), warn = warning(sites);
    const sign = JSON.stringify([counts, warn, kw.page().language]);
    const element = marker.getElement && marker.getElement();
    if (marker.kwSign === sign && element && element.firstChild) return;
    marker.kwSign = sign;
    const radius = 10 + scale() * Math.sqrt(n), size = 2 * radius + 10, name = label(sites);
    const html = donut(counts, radius, kw.number(n), warn);
    const words = kw.t("cluster", { name, n: kw.number(n), faulted: kw.number(counts.faulted || 0), unknown: kw.number(counts.unknown || 0) });
    if (!element) {
      const side = `<span aria-hidden="true" class="map-label${warn ? " warn" : ""}" style="left:${size - 1}px"></span>`;
      marker.setIcon(window.L.divIcon({ html: html + side, className: "donut", iconSize: [size, size] }));
      marker.on("add", () => (dress(marker, name, words), tidy()));
    } else {
      element.querySelector("svg").outerHTML = html;
      element.querySelector(".map-label")?.classList.toggle("warn", Boolean(warn));
    }
    dress(marker, name, words);
  }

  function dress(marker, name, words) {
    const element = marker.getElement();
    if (!element) return;
    element.setAttribute("aria-label", words);
    element.title = words;
    element.setAttribute("role", "button");
    const place = element.querySelector(".map-label");
    if (place) place.dataset.name = name;
  }

  function mark(latlng, sites) {
    const marker = window.L.marker(latlng, { keyboard: true, icon: window.L.divIcon({ className: "donut", html: "" }) });
    marker.kwSites = sites;
    paint(marker);
    drawn.add(marker);
    return marker;
  }

  /* The wall: a donut where an incident is, a dot elsewhere, no counts; large enough for five metres. */
  function paintSpot(marker) {
    const sites = marker.kwSites.map((i) => store().sites[i]).filter(Boolean);
    if (!sites.length) return;
    const counts = sum(sites), warn = warning(sites);
    const unit = Math.max(0.35, Math.min(window.innerWidth / 1920, window.innerHeight / 1080)), sign = JSON.stringify([warn && counts, warn, unit]);
    if (marker.kwSign === sign && marker.getElement()?.firstChild) return;
    marker.kwSign = sign;
    const n = sites.reduce((all, site) => all + site.evses, 0), radius = (warn ? 1.45 * (9 + 1.15 * Math.sqrt(n)) : 7) * unit, size = 2 * radius + 10;
    const dot = `<svg width="${size}" height="${size}" aria-hidden="true"><circle cx="${size / 2}" cy="${size / 2}" r="${radius}" fill="var(--st-available)" opacity=".7"/></svg>`;
    const side = warn ? `<span class="map-label warn left"></span>` : "";
    marker.setIcon(window.L.divIcon({ html: (warn ? donut(counts, radius, "", warn) : dot) + side, className: "donut spot", iconSize: [size, size] }));
    const place = marker.getElement()?.querySelector(".map-label");
    if (place) place.dataset.name = sites[0].city || sites[0].name;
    marker.setZIndexOffset?.(warn ? 500 : 0);
  }

  /* Labels give way to donuts and to labels of more weight: right of the donut, else left of it, else none. */
  let tidying = 0;
  function tidy() {
    if (tidying) return;
    tidying = requestAnimationFrame(() => {
      tidying = 0;
      const frame = document.getElementById("map")?.getBoundingClientRect();
      if (!frame) return;
      const shown = [...drawn].filter((marker) => marker._map && marker.getElement());
      // dots of the wall give way to names
      const solid = shown.filter((marker) => !marker.kwSpot || marker.getElement().querySelector(".warn"));
      const taken = solid.map((marker) => ({ marker, box: marker.getElement().querySelector("svg").getBoundingClientRect() }));
      const zoom = document.querySelector("#map .leaflet-control-zoom");
      if (zoom) taken.push({ marker: zoom, box: zoom.getBoundingClientRect() });
      const weight = (marker) => (marker.getElement().querySelector(".warn") ? 1e6 : 0) + marker.kwSites.length;
      shown.sort((a, b) => weight(b) - weight(a)).forEach((marker) => {
        const text = marker.getElement().querySelector(".map-label");
        if (!text) return;
        const fits = (box) => box.left > frame.left && box.right < frame.right && !taken.some((other) => other.marker !== marker && box.left < other.box.right && box.right > other.box.left && box.top < other.box.bottom && box.bottom > other.box.top);
        const found = ["", "left"].find((side) => (text.classList.toggle("left", side === "left"), fits(text.getBoundingClientRect())));
        text.style.visibility = found === undefined ? "hidden" : "";
        if (found !== undefined) taken.push({ marker, box: text.getBoundingClientRect() });
      });
    });
  }

  function repaint(changed) {
    for (const marker of drawn) {
      if (!marker._map) drawn.delete(marker);
      else if (!changed || marker.kwSites.some((i) => changed.has(i))) (marker.kwSpot ? paintSpot : paint)(marker);
    }
  }

  kw.map = {
    land: (feature) => ({ className: feature.properties.a3 === "SWE" ? "land home" : "land", weight: 0.8 }),
    cluster: (feature, latlng, index) => mark(latlng, index.getLeaves(feature.properties.cluster_id, Infinity).map((leaf) => leaf.properties.i)),
    spot: (feature, latlng) => {
      const marker = window.L.marker(latlng, { keyboard: false, interactive: false, icon: window.L.divIcon({ className: "donut spot", html: "" }) });
      marker.kwSites = [feature.properties.i];
      marker.kwSpot = true;
      marker.on("add", () => (paintSpot(marker), tidy()));
      drawn.add(marker);
      return marker;
    },
    site: (feature, latlng) => {
      const marker = mark(latlng, [feature.properties.i]);
      marker.on("click", () => {
        const site = store().sites[feature.properties.i];
        kw.go(site.stations.length === 1 ? "/app/station/" + encodeURIComponent(site.stations[0].id) : "/app/stations?q=" + encodeURIComponent(site.name));
      });
      return marker;
    },
  };

  /* Give the map its points: once, and again only when the network itself changes. */
  function place() {
    const sites = store().sites, element = document.getElementById("map");
    if (!element || !store().filled || !window.dash_clientside?.set_props) return;
    const features = sites.filter((site) => site.latitude !== null && site.longitude !== null).map((site) => ({ type: "Feature", geometry: { type: "Point", coordinates: [site.longitude, site.latitude] }, properties: { i: site.index } }));
    const note = document.getElementById("map-note");
    note.hidden = features.length > 0;
    note.textContent = kw.t("no_site_on_map");
    drawn = new Set();
    window.dash_clientside.set_props("sites", { data: { type: "FeatureCollection", features } });
    if (!features.length) return;
    const lats = sites.map((site) => site.latitude).filter((v) => v !== null), lngs = sites.map((site) => site.longitude).filter((v) => v !== null);
    const bounds = [[Math.min(...lats), Math.min(...lngs)], [Math.max(...lats), Math.max(...lngs)]];
    window.dash_clientside.set_props("map", { viewport: { bounds, options: { padding: [28, 28], animate: false } } });
  }

  document.addEventListener("DOMContentLoaded", () => {
    kw.on("network", place);
    kw.on("all", () => (repaint(null), tidy()));
    kw.on("incidents", () => (repaint(null), tidy()));
    kw.on("evses", (news) => {
      if (news.moved.length) repaint(new Set(news.moved.map((row) => store().evses.get(row.evse_key)?.station.site.index)));
    });
    kw.mount("map", () => setTimeout(place));
  });
})(window.kilowatch);
