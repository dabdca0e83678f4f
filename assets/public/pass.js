// The page of one charger. Betterment only: without it the page renews itself. It fetches its own
// middle when its charger or its payment has changed, and mends what differs in place, so that
// focus, an open sheet and what was typed stay.
let card = document.querySelector("article.pass");
let busy = false;
let again = false;

async function refresh() {
  if (busy) return (again = true);
  busy = true;
  try {
    const address = new URL(location);
    address.searchParams.set("part", "1");
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (answer.ok) mend(await answer.text());
  } catch {
    document.getElementById("live")?.classList.add("stale");
  }
  busy = false;
  if (again) (again = false), refresh();
}

function mend(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.querySelector("main");
  if (!fresh) return;
  document.title = page.title;
  morph(document.querySelector("main"), fresh);
  card = document.querySelector("article.pass");
  begun = performance.now();
}

function morph(old, fresh) {
  if (old.isEqualNode(fresh) || (old.popover && old.matches(":popover-open"))) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) return (old.data = fresh.data);
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const olds = [...old.childNodes];
  const news = [...fresh.childNodes];
  news.forEach((node, i) => (olds[i] ? morph(olds[i], node) : old.append(node)));
  olds.slice(news.length).forEach((node) => node.remove());
}

// Seconds run down or up from what the server said, whatever the phone's clock says.
let begun = performance.now();
function tick() {
  const gone = Math.floor((performance.now() - begun) / 1000);
  for (const span of document.querySelectorAll("[data-left]")) {
    const left = Math.max(0, span.dataset.left - gone);
    span.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    document.getElementById("arc").setAttribute("stroke-dashoffset", Math.max(0, span.dataset.whole - left));
  }
  for (const span of document.querySelectorAll("[data-past]")) {
    const past = Number(span.dataset.past) + gone;
    if (past < 60) span.textContent = `${past}\u00a0s`;
  }
}
setInterval(tick, 1000);

// One press is enough; a page that comes back from the browser's memory can be pressed again.
const pressed = () => document.querySelectorAll("form[data-once] button");
document.addEventListener("submit", ({ target }) => {
  if ("once" in target.dataset) setTimeout(() => pressed().forEach((button) => (button.disabled = true)));
});
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  pressed().forEach((button) => (button.disabled = false));
  refresh();
});

const mine = () => Number(card?.dataset.payment);
if (card && window.EventSource) {
  const stream = new EventSource("/live/public");
  let known;
  const evses = ({ data }) => {
    const { evse_key: keys, state: states } = JSON.parse(data);
    const place = keys.indexOf(Number(card.dataset.key));
    if (place < 0) return;
    if (known !== undefined && known !== states[place]) refresh();
    known = states[place];
  };
  stream.addEventListener("snapshot", (event) => {
    const wasAway = known !== undefined;
    evses(event);
    // something may have changed while nobody told us: since the page was made, or while away
    if (wasAway || mine() || !card.classList.contains(known)) refresh();
  });
  stream.addEventListener("evses", evses);
  stream.addEventListener("payments", ({ data }) => JSON.parse(data).payments.includes(mine()) && refresh());
  stream.addEventListener("error", () => document.getElementById("live")?.classList.add("stale"));
  // what changes by the clock alone, such as a charger that does not answer
  setInterval(() => mine() && !document.hidden && refresh(), 10000);
}
