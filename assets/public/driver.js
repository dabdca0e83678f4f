// Betterment only: every page works without it. It locates, follows the live states and reloads
// the page of one charger when that charger changes.
const near = document.getElementById("near");
if (near && navigator.geolocation) {
  near.hidden = false;
  near.addEventListener("click", () => {
    near.disabled = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const ask = new URLSearchParams(new FormData(near.form));
        ask.set("lat", coords.latitude.toFixed(3));
        ask.set("lon", coords.longitude.toFixed(3));
        ask.delete("q");
        location.assign(`/?${ask}`);
      },
      () => {
        near.disabled = false;
        document.getElementById("nowhere").hidden = false;
      },
      { timeout: 10000, maximumAge: 60000 },
    );
  });
}

const ask = document.getElementById("ask");
if (ask) ask.addEventListener("change", (event) => event.target.id !== "q" && ask.requestSubmit());

const shapes = new Map();
for (const svg of document.querySelectorAll("[data-evse]")) shapes.set(Number(svg.dataset.evse), svg);
const list = document.getElementById("sites");
const live = document.getElementById("live");

function say(template, numbers) {
  return template.replace(/\{(\w+)\}/g, (_, name) => numbers[name]);
}

function count(root) {
  const kinds = [...root.querySelectorAll("[data-evse]")].map((svg) => svg.classList[0]);
  return { free: kinds.filter((kind) => kind === "free").length, n: kinds.length, kinds };
}

function redraw(site) {
  const { free, n, kinds } = count(site);
  const used = kinds.some((kind) => kind === "busy" || kind === "idle");
  const kind = free ? "free" : used ? "busy" : kinds[0];
  const tag = site.querySelector(".tag");
  tag.className = `tag ${kind}`;
  tag.querySelector("use").setAttribute("href", `#${kind}`);
  const alone = n === 1;
  const words = list.dataset[free ? (alone ? "only" : "some") : used ? (alone ? "one" : "none") : kind];
  tag.querySelector("span").textContent = say(words, { free, n });
}

// Sites further down the list are not in the page; the first snapshot tells how theirs stand.
const others = new Map();

// Marks on the map count evses that may not be in the list: "1-4,9".
const known = new Map();
const marks = [...document.querySelectorAll("[data-evses]")].map((mark) => {
  const keys = mark.dataset.evses.split(",").flatMap((run) => {
    const [first, last] = run.split("-").map(Number);
    return Array.from({ length: (last || first) - first + 1 }, (_, i) => first + i);
  });
  return { mark, keys };
});

function recount({ mark, keys }) {
  const kinds = keys.map((key) => known.get(key)).filter(Boolean);
  if (kinds.length < keys.length) return;
  const free = kinds.filter((kind) => kind === "free").length;
  const used = kinds.some((kind) => kind === "busy" || kind === "idle");
  const kind = free ? "free" : used ? "busy" : kinds[0];
  if (mark.className.baseVal === kind && mark.querySelector("text").textContent === String(free)) return;
  mark.setAttribute("class", kind);
  mark.querySelector("use").setAttribute("href", `#${kind}`);
  mark.querySelector("text").textContent = free;
  const name = mark.getAttribute("aria-label").replace(/: [^:]*$/, "");
  mark.setAttribute("aria-label", `${name}: ${say(mark.dataset.words, { n: free })}`);
}

function apply({ evse_key: keys, state: kinds }) {
  keys.forEach((key, i) => known.set(key, kinds[i]));
  marks.forEach(recount);
  const touched = new Set();
  let more = 0;
  keys.forEach((key, i) => {
    const svg = shapes.get(key);
    const before = svg ? svg.classList[0] : others.get(key);
    if (svg && before !== kinds[i]) {
      svg.setAttribute("class", kinds[i]);
      svg.querySelector("use").setAttribute("href", `#${kinds[i]}`);
      touched.add(svg.closest(".site"));
    } else if (!svg) others.set(key, kinds[i]);
    // a filtered page counts only what it shows
    if (before && (svg || !location.search)) more += (kinds[i] === "free") - (before === "free");
  });
  if (touched.size && document.querySelector("[data-reload]")) return location.reload();
  touched.forEach(redraw);
  const total = document.getElementById("total");
  if (!total || !more) return;
  total.dataset.free = Number(total.dataset.free) + more;
  total.textContent = say(total.dataset.words, total.dataset);
}

if (shapes.size && window.EventSource) {
  const clock = live.querySelector("time");
  const precise = clock.textContent.split(":").length > 2;
  const tick = (event) => {
    live.classList.remove("stale");
    clock.textContent = new Date().toLocaleTimeString("sv", precise ? {} : { hour: "2-digit", minute: "2-digit" });
    if (event.type !== "beat") apply(JSON.parse(event.data));
  };
  const stream = new EventSource("/live/public");
  for (const name of ["snapshot", "evses", "beat"]) stream.addEventListener(name, tick);
  stream.addEventListener("error", () => live.classList.add("stale"));
}
