/* Small things of single pages: names and roles for groups of choices. */
(function () {
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
  let due = 0;
  function look() {
    if (due || !document.querySelector(".choice [role=option]")) return;
    due = requestAnimationFrame(() => {
      due = 0;
      document.querySelectorAll(".choice").forEach(mend);
    });
  }
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("change", () => setTimeout(look));
})();
