/* The session explorer: its fields and lists go into the address, and show what stands there. */
(function (kw) {
  "use strict";
  kw.mount("sessions-filter", (form) => {
    const asked = new URLSearchParams(location.search);
    form.querySelectorAll("select").forEach((select) => {
      select.value = asked.get(select.name) || "";
      if (select.selectedIndex < 0) select.selectedIndex = 0;
      select.addEventListener("change", () => form.requestSubmit());
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const address = new URL(location.href);
      for (const [name, value] of new FormData(form)) {
        if (value.trim()) address.searchParams.set(name, value.trim());
        else address.searchParams.delete(name);
      }
      address.searchParams.delete("before");
      kw.go(address.pathname + address.search);
    });
  });

  /* Revenue's lists of channels and legal entities. */
  kw.follow("revenue-channel", "channel");
  kw.follow("revenue-operator", "operator");
})(window.kilowatch);
