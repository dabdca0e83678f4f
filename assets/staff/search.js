/* The list of what fits while somebody types in the search of everything: asked for after a short pause, one question at
   a time, by keyboard as by mouse. Enter without a choice leads to all that fits. */
(function (kw) {
  "use strict";
  const PAUSE_MS = 120;
  let list = null, field = null, due = 0, asked = null, chosen = -1, shownFor = "";

  const options = () => [...(list?.querySelectorAll("[role=option]") || [])];
  // what is shown answers what was typed a moment ago: until the answer comes nothing can be chosen
  const isFresh = () => field.value.trim() === shownFor;
  const isOpen = () => list !== null && list.matches(":popover-open");

  function made() {
    if (list) return list;
    list = kw.el("ul", { id: "search-list", popover: "manual", role: "listbox" });
    // the field must keep the focus, or the list would close before the click arrives
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => event.target.closest("a") && leave());
    document.body.append(list);
    return list;
  }

  function begin(element) {
    field = element;
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "search-list", "aria-label": field.form.getAttribute("aria-label") })) field.setAttribute(name, value);
    if (location.pathname === "/app/search") field.value = new URLSearchParams(location.search).get("q") || "";
    made().setAttribute("aria-label", field.form.dataset.all);
    field.addEventListener("input", () => {
      clearTimeout(due);
      choose(-1);
      due = setTimeout(ask, PAUSE_MS);
    });
    field.addEventListener("keydown", key);
    field.addEventListener("blur", hide);
    field.addEventListener("focus", () => isFresh() && options().length && show());
  }

  async function ask() {
    const q = field.value.trim();
    asked?.abort();
    if (q.length < 2) return hide();
    asked = new AbortController();
    try {
      const answer = await fetch("/app/search/suggest?q=" + encodeURIComponent(q), { credentials: "same-origin", signal: asked.signal });
      if (answer.ok) draw(q, await answer.json());
    } catch (error) {
      if (error.name !== "AbortError") hide();
    }
  }

  function draw(q, hits) {
    shownFor = q;
    choose(-1);
    const none = kw.el("li", { class: "none", role: "option", "aria-disabled": "true" }, field.form.dataset.none);
    made().replaceChildren(...(hits.length ? hits.map(line) : [none]));
    if (document.activeElement === field) show();
  }

  const line = (hit, i) => kw.el("li", { role: "presentation" },
    kw.el("a", { id: "search-" + i, role: "option", "aria-selected": "false", href: hit.href, tabindex: "-1" }, hit.shape ? kw.glyph(hit.shape) : kw.el("i", { class: "i i-" + hit.icon, "aria-hidden": "true" }), kw.el("b", {}, hit.label), kw.el("span", { class: "kind" }, hit.kind), hit.detail && kw.el("span", { class: "detail" }, hit.detail)));

  function show() {
    if (!isOpen()) list.showPopover();
    const at = field.form.getBoundingClientRect();
    list.style.cssText = `top:${at.bottom + 4}px;left:${Math.max(8, Math.min(at.left, innerWidth - list.offsetWidth - 8))}px`;
    field.setAttribute("aria-expanded", "true");
  }

  function hide() {
    clearTimeout(due);
    if (isOpen()) list.hidePopover();
    choose(-1);
    field?.setAttribute("aria-expanded", "false");
  }

  /* On to a hit: the next search begins with an empty field. */
  function leave() {
    asked?.abort();
    hide();
    field.value = shownFor = "";
    made().replaceChildren();
  }

  function choose(i) {
    chosen = i;
    options().forEach((option, n) => option.setAttribute("aria-selected", String(n === i)));
    const option = options()[i];
    if (!option) return field?.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function key(event) {
    const links = options().filter((option) => option.hasAttribute("href"));
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && links.length) {
      event.preventDefault();
      if (!isFresh()) return;
      show();
      const step = event.key === "ArrowDown" ? 1 : -1;
      return choose((chosen + step + links.length + (chosen < 0 && step < 0 ? 1 : 0)) % links.length);
    }
    if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      return hide();
    }
    if (event.key !== "Enter") return;
    const link = chosen >= 0 && isFresh() && links[chosen];
    if (!link) return hide();
    event.preventDefault();
    leave();
    kw.go(link.getAttribute("href"));
  }

  kw.mount("search", begin);
})(window.kilowatch);
