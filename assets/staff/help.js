/* The "?" beside figures: what one means, how it is computed, and the way to its section of the help. One box for all,
   in the top layer, so that no panel cuts it off. By click, keyboard and touch; hovering shows it too. */
(function (kw) {
  "use strict";
  let box = null, opener = null, hover = 0, wasOpen = null;

  function made() {
    if (box) return box;
    box = kw.el("div", { id: "help-box", popover: "auto", role: "dialog", "aria-labelledby": "help-name", tabindex: "-1" });
    box.addEventListener("toggle", (event) => opener?.setAttribute("aria-expanded", String(event.newState === "open")));
    box.addEventListener("mouseenter", () => clearTimeout(hover));
    box.addEventListener("mouseleave", leave);
    document.body.append(box);
    return box;
  }

  const isOpen = () => box !== null && box.matches(":popover-open");

  function show(button) {
    const { name, meaning, computed, href, more } = button.dataset;
    made().replaceChildren(kw.el("h2", { id: "help-name" }, name), kw.el("p", {}, meaning), kw.el("p", { class: "mono" }, computed), kw.el("a", { href }, more));
    opener = button;
    if (!isOpen()) box.showPopover();
    place(button.getBoundingClientRect());
  }

  /* Under the mark, and within the window. */
  function place(at) {
    const left = Math.max(8, Math.min(at.left - 12, innerWidth - box.offsetWidth - 8));
    const below = at.bottom + 6, above = at.top - box.offsetHeight - 6;
    const top = below + box.offsetHeight > innerHeight && above > 0 ? above : below;
    box.style.cssText = `left:${left}px;top:${top}px`;
  }

  const leave = () => (hover = setTimeout(() => isOpen() && !box.contains(document.activeElement) && box.hidePopover(), 250));
  const markOf = (event) => event.target.closest && event.target.closest("button.help");

  document.addEventListener("pointerdown", (event) => (wasOpen = markOf(event) && isOpen() ? opener : null), true);
  document.addEventListener("click", (event) => {
    const button = markOf(event);
    if (!button) return void (event.target.closest?.("#help-box a") && box.hidePopover());
    event.preventDefault();
    clearTimeout(hover);
    if (wasOpen === button && event.detail && box.dataset.pinned) return void box.hidePopover();
    show(button);
    box.dataset.pinned = "1";
    box.focus();
  });
  document.addEventListener("mouseover", (event) => {
    const button = matchMedia("(hover: hover)").matches && markOf(event);
    if (!button) return;
    clearTimeout(hover);
    hover = setTimeout(() => {
      if (isOpen()) return;
      delete made().dataset.pinned;
      show(button);
    }, 350);
    button.addEventListener("mouseleave", () => (clearTimeout(hover), leave()), { once: true });
  });

  /* A document comes after the page: only then can its section be shown. */
  kw.mount("help-document", () => {
    const section = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (section) requestAnimationFrame(() => section.scrollIntoView());
  });
})(window.kilowatch);
