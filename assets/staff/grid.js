/* Cells of the stations table: state, link, shapes. */
var dagfuncs = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
dagfuncs.kilowatchGrid = {
  backgroundColor: "var(--surface)", foregroundColor: "var(--ink)", borderColor: "var(--line)", headerBackgroundColor: "var(--surface)", headerTextColor: "var(--ink-3)",
  headerFontSize: 11, headerFontWeight: 500, fontSize: 12, fontFamily: "inherit", rowHeight: 32, headerHeight: 28, rowHoverColor: "var(--hover)",
  selectedRowBackgroundColor: "var(--selected)", oddRowBackgroundColor: "var(--surface)", columnBorder: false, wrapperBorder: false, cellHorizontalPadding: 10, accentColor: "var(--ink)",
};
var dagcomponentfuncs = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
(function (cells) {
  "use strict";
  const h = (...parts) => window.React.createElement(...parts);
  cells.StateCell = ({ data }) => h("span", { className: "bd st-" + data.state }, h("i", { className: "g st-" + data.state, "aria-hidden": true }), h("span", null, data.word));
  cells.StationCell = ({ data }) => h("a", { href: "/app/station/" + encodeURIComponent(data.station), className: "mono" }, data.station);
  cells.ShapesCell = ({ data }) => h("span", { className: "glyphs", role: "img", "aria-label": data.shapes.map((state) => window.kilowatch.state(state)).join(", ") }, ...data.shapes.slice(0, 8).map((state, i) => h("i", { key: i, className: "g st-" + state })));
  document.addEventListener("DOMContentLoaded", () => {
    const kw = window.kilowatch;
    // typing filters at once on this page and is kept in the address; elsewhere Enter leads here
    document.addEventListener("input", (event) => {
      if (event.target.id !== "list-search" || !document.getElementById("stations-grid")) return;
      const q = event.target.value;
      const address = new URL(location.href);
      if (q) address.searchParams.set("q", q);
      else address.searchParams.delete("q");
      history.replaceState(history.state, "", address.pathname + address.search);
      window.dash_ag_grid.getApiAsync("stations-grid").then((api) => api.setGridOption("quickFilterText", q));
    });
    // a phone has room for what it is, where, and how it is
    const narrow = matchMedia("(max-width: 48rem)");
    kw.mount("stations-grid", () => narrow.matches && window.dash_ag_grid.getApiAsync("stations-grid").then((api) => {
      api.setColumnsVisible(["city", "model", "firmware", "version", "seen"], false);
      api.sizeColumnsToFit();
    }));
    document.addEventListener("submit", (event) => {
      if (!event.target.matches("form[role=search]")) return;
      event.preventDefault();
      kw.go(event.target.getAttribute("action") + "?q=" + encodeURIComponent(event.target.querySelector("input").value));
    });
  });
})(window.dashAgGridComponentFunctions);
