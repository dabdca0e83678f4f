"""A browser that is left open: hours of traffic in minutes, and what they leave behind in it.

Frames enter where the stream's frames do, at the page's EventSource. Animation frames and intervals
come as fast as the page takes them, as often as they would have come in the time that passes.
"""

from typing import Any, NamedTuple

from playwright.sync_api import CDPSession, Page

from tests.traffic import Frame, Traffic

# before any script of the page: a stream of its own that can be spoken into, and time that hurries
INIT = """(() => {
  delete window.SharedWorker;
  const Source = window.EventSource;
  window.EventSource = class extends Source {
    constructor(...given) { super(...given); window.leftOpen.source = this; }
  };
  const frames = new MessageChannel();
  let due = [], number = 0;
  frames.port1.onmessage = () => {
    const now = due;
    due = [];
    now.forEach(([, call]) => call(performance.now()));
  };
  window.requestAnimationFrame = (call) => {
    due.push([++number, call]);
    frames.port2.postMessage(0);
    return number;
  };
  window.cancelAnimationFrame = (which) => { due = due.filter(([one]) => one !== which); };
  const every = window.setInterval, never = window.clearInterval, intervals = new Map();
  window.setInterval = (call, ms, ...given) => {
    const which = every(call, ms, ...given);
    if (typeof call === "function" && ms >= 250) intervals.set(which, [call, ms]);
    return which;
  };
  window.clearInterval = (which) => { intervals.delete(which); never(which); };
  const ask = window.fetch;
  let asking = 0;
  window.fetch = (...given) => {
    asking += 1;
    return ask(...given).finally(() => { asking -= 1; });
  };
  const turn = () => new Promise((resolve) => requestAnimationFrame(resolve));
  window.leftOpen = {
    source: null,
    /* What was told in each second, then what a second brings by itself. */
    async live(seconds) {
      for (const told of seconds) {
        for (const [name, data] of told) {
          this.source.dispatchEvent(new MessageEvent(name, { data }));
        }
        for (const [call, ms] of intervals.values()) {
          for (let due = 1000; due >= ms; due -= ms) call();
        }
        await turn();
        await turn();
      }
    },
    /* Every question to the server has its answer. */
    async quiet() {
      do { await new Promise((resolve) => setTimeout(resolve, 150)); } while (asking);
    },
  };
})()"""
ASK = "([id, n]) => window.dash_clientside.set_props(id, { data: n })"


class Held(NamedTuple):
    """What a page keeps after the garbage has been collected."""

    heap_bytes: int
    nodes: int
    listeners: int


class LeftOpen:
    """A page whose browser was given INIT. `page` shows something live."""

    def __init__(self, page: Page, traffic: Traffic) -> None:
        self.page, self.traffic, self._asked = page, traffic, 0
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.send("HeapProfiler.enable")
        page.wait_for_function("() => window.kilowatch?.store.filled && window.leftOpen.source")
        self.page.wait_for_function("() => window.kilowatch.store.evses.size")
        self._first: Frame = "snapshot", page.evaluate(SNAPSHOT)

    def live(self, seconds: int, ticks: tuple[str, ...] = ()) -> None:
        """So many seconds pass; every minute the page asks by its ticks, as it would by itself."""
        for minute in range(0, seconds, 60):
            told = list(self.traffic.frames(min(60, seconds - minute)))
            self.page.evaluate("told => window.leftOpen.live(told)", told)
            self.ask(ticks)

    def ask(self, ticks: tuple[str, ...]) -> None:
        for tick in ticks:
            self._asked += 1
            self.page.evaluate(ASK, [tick, self._asked])
        if ticks:
            self.page.evaluate("() => window.leftOpen.quiet()")

    def held(self, ticks: tuple[str, ...] = ()) -> Held:
        """After the page has been shown what it showed first."""
        self.page.evaluate("told => window.leftOpen.live(told)", [[self._first], [], []])
        self.ask(ticks)
        self.page.evaluate("() => window.leftOpen.quiet()")
        for _ in range(3):
            self._cdp.send("HeapProfiler.collectGarbage")
        counters = self._cdp.send("Memory.getDOMCounters")
        usage: dict[str, Any] = self._cdp.send("Runtime.getHeapUsage")
        return Held(round(usage["usedSize"]), counters["nodes"], counters["jsEventListeners"])


# the whole picture as the page has it, in the hub's own form
SNAPSHOT = """() => {
  const { store } = window.kilowatch;
  const rows = [...store.rows.values()], names = Object.keys(rows[0] || {});
  const evses = Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));
  const { at, version: network, incidents, today } = store;
  return JSON.stringify({ at, network, evses, incidents, today });
}"""
