/* Analysis pages: days, site and comparison go into the address; charts lead to what is behind them, become pictures, and are printed light. */
(function (kw) {
  "use strict";
  const down = ["station", "by", "outage", "attempt", "exclude", "show", "build", "cell", "before"];

  function go(change, drop) {
    const address = new URL(location.href);
    (drop || []).forEach((key) => address.searchParams.delete(key));
    change(address.searchParams);
    [...address.searchParams].forEach(([key, value]) => value === "" && address.searchParams.delete(key));
    kw.go(address.pathname + address.search);
  }
  const evidence = ["outage", "attempt", "exclude", "cell"];

  kw.follow("view-site", "site", down);
  kw.follow("view-compare", "compare", evidence);
  kw.picker(["view-from", "view-until"], "date");
  kw.mount("view-dates", (form) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const value = (name) => form.querySelector(`#view-${name} input, input#view-${name}`).value;
      go((search) => {
        ["range", "month", "grain", "before"].forEach((key) => search.delete(key));
        search.set("from", value("from"));
        search.set("until", value("until"));
      }, evidence);
    });
  });
  /* A menu closes by Escape and by a click beside it. */
  const open = () => document.querySelector("details.pop[open]");
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && open();
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    const menu = open();
    if (menu && !menu.contains(event.target)) menu.open = false;
  });

  /* A bar's link is in its trace's `meta`, one for each point. */
  document.addEventListener("mouseover", (event) => {
    const graph = event.target.closest && event.target.closest(".js-plotly-plot");
    if (!graph || graph.dataset.leads || !graph.on) return;
    graph.dataset.leads = "true";
    const link = (told) => {
      const point = (told.points || []).find((one) => Array.isArray(one.data.meta) && one.data.meta[one.pointIndex]);
      return point && point.data.meta[point.pointIndex];
    };
    graph.on("plotly_click", (told) => link(told) && kw.go(link(told)));
    graph.on("plotly_hover", (told) => graph.classList.toggle("leads", Boolean(link(told))));
    graph.on("plotly_unhover", () => graph.classList.remove("leads"));
  });

  /* A chart as a picture: on paper's colour, with its panel's title. */
  const plot = (id) => document.querySelector(`#${CSS.escape(id)} .js-plotly-plot, #${CSS.escape(id)}.js-plotly-plot`);
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-png]");
    const graph = button && plot(button.dataset.png);
    if (!graph || !window.Plotly) return;
    const panel = button.closest(".panel"), style = getComputedStyle(document.documentElement);
    const words = panel ? [panel.querySelector("h2"), panel.querySelector(".sub")].map((one) => one && one.textContent).filter(Boolean).join(" \u00b7 ") : "";
    const size = { width: Math.max(graph.clientWidth, 700), height: graph.clientHeight + 40 };
    const layout = { ...graph.layout, ...size, paper_bgcolor: style.getPropertyValue("--surface").trim(), margin: { ...graph._fullLayout.margin, t: 48 },
      title: { text: words.replaceAll("<", "&lt;"), x: 0.02, xanchor: "left", font: { size: 14, color: style.getPropertyValue("--ink").trim() } } };
    window.Plotly.toImage({ data: graph.data, layout }, { format: "png", ...size, scale: 2 }).then((address) => {
      const link = kw.el("a", { href: address, download: button.dataset.name + ".png" });
      document.body.append(link);
      link.click();
      link.remove();
    });
  });

  /* Paper is light, whatever the screen is: colours of the one template become those of the other. */
  kw.mount("view-print", (button) => button.addEventListener("click", () => window.print()));
  const NAMES = ["--ink", "--ink-2", "--ink-3", "--grid", "--line-strong", "--raised", "--surface", "--st-charging", "--st-unknown", "--st-finished", "--st-preparing", "--st-faulted"];
  let kept = null;
  function values() {
    const style = getComputedStyle(document.documentElement), probe = document.createElement("i");
    return NAMES.map((name) => {
      probe.style.color = style.getPropertyValue(name).trim();
      return probe.style.color;
    });
  }
  function recoloured(pairs, undo) {
    document.querySelectorAll(".js-plotly-plot svg *").forEach((element) => {
      for (const name of ["fill", "stroke"]) {
        const is = element.style[name], to = is && pairs.get(is);
        if (!to) continue;
        undo.push(() => { element.style[name] = is; });
        element.style[name] = to;
      }
    });
  }
  function light() {
    if (kept) return;
    const root = document.documentElement, undo = kept = [];
    // plotly leaves a chart alone whose layout has a size: it would draw it anew for every change of the page's
    document.querySelectorAll(".js-plotly-plot").forEach((graph) => {
      if (!graph.layout || graph.layout.width || graph.layout.height) return;
      graph.layout.width = graph._fullLayout.width;
      graph.layout.height = graph._fullLayout.height;
      undo.push(() => { delete graph.layout.width; delete graph.layout.height; });
    });
    document.querySelectorAll(".js-plotly-plot .main-svg").forEach((svg) => {
      if (svg.hasAttribute("viewBox")) return;
      svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
      undo.push(() => svg.removeAttribute("viewBox"));
    });
    const theme = root.dataset.theme, scheme = root.dataset.mantineColorScheme;
    if (theme === "light") return;
    const dark = values();
    root.dataset.theme = root.dataset.mantineColorScheme = "light";
    const bright = values();
    recoloured(new Map(dark.map((colour, n) => [colour, bright[n]])), undo);
    undo.push(() => { root.dataset.theme = theme; root.dataset.mantineColorScheme = scheme; });
  }
  function back() {
    (kept || []).forEach((one) => one());
    kept = null;
  }
  matchMedia("print").addEventListener("change", (media) => (media.matches ? light() : back()));
  window.addEventListener("beforeprint", light);
  window.addEventListener("afterprint", back);
})(window.kilowatch);

/* The week by hour: arrows go from cell to cell. */
document.addEventListener("keydown", (event) => {
  const link = event.target.closest && event.target.closest("#week-cells td > a");
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!link || !step) return;
  const cell = link.parentElement, row = cell.parentElement.parentElement.rows[cell.parentElement.sectionRowIndex + step[0]];
  const next = row && row.cells[cell.cellIndex + step[1]], to = next && next.querySelector("a");
  if (!to) return;
  event.preventDefault();
  link.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
});
