/* Small things of single pages: names and roles for groups of choices. */
(function (kw) {
  "use strict";
  /* Dash says list box and options of what are radio buttons and check boxes: a group, to those who listen. */
  function mend(group) {
    const list = group.querySelector(".dash-options-list");
    if (!list) return;
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", group.title);
    list.querySelectorAll("[role=option]").forEach((option) => {
      option.removeAttribute("role");
      option.removeAttribute("aria-selected");
    });
  }
  const mendAll = () => document.querySelectorAll(".choice").forEach(mend);
  kw.mount("station", () => setTimeout(mendAll, 300));
  kw.mount("refund-kind", () => setTimeout(mendAll));
  kw.mount("exclude", () => setTimeout(mendAll, 300));
  document.addEventListener("change", () => setTimeout(mendAll));
})(window.kilowatch);
