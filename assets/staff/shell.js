/* The frame of every page: the navigation that folds on narrow screens, switches that come back to the whole address,
   and the keyboard: / to the search, Escape out of the navigation. */
(function (kw) {
  "use strict";
  function fold(isOpen) {
    const button = document.getElementById("nav-fold");
    button?.setAttribute("aria-expanded", String(isOpen));
    document.getElementById("nav-pages")?.classList.toggle("open", isOpen);
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest) return;
    const button = event.target.closest("#nav-fold");
    if (button) return fold(button.getAttribute("aria-expanded") !== "true");
    if (event.target.closest("#nav-pages a")) fold(false);
    // the server knew the address when it drew the page: filters and sections may have come since
    const choice = event.target.closest("a[href^='/choose?']");
    if (choice) {
      const wanted = new URL(choice.href);
      wanted.searchParams.set("next", location.pathname + location.search + location.hash);
      choice.href = wanted.pathname + wanted.search;
    }
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.querySelector("#nav-pages.open")) {
      fold(false);
      return void document.getElementById("nav-fold").focus();
    }
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    const wanted = (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) || (event.key === "k" && (event.ctrlKey || event.metaKey));
    if (!wanted) return;
    event.preventDefault();
    document.getElementById("search")?.select();
    document.getElementById("search")?.focus();
  });

  window.addEventListener("popstate", () => fold(false));
})(window.kilowatch);
