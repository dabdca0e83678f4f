/* The event stream. This file runs twice: as a shared worker, where one EventSource serves all tabs (browsers allow
   six connections to a host), and in the page, which talks to that worker or, where there are none, streams itself. */
(function (scope) {
  "use strict";
  const EVENTS = ["snapshot", "evses", "incidents", "today", "command", "finance", "beat"];
  const SHORTEST_WAIT = 250, LONGEST_WAIT = 8000;

  /* Streams until closed, reconnects for ever. Tells {event, data} and {attempt, tryAt}. */
  function stream(tell) {
    let source = null, lastId = "", attempt = 0, timer = 0;

    function open() {
      clearTimeout(timer);
      if (source) source.close();
      source = new EventSource("/live" + (lastId ? "?after=" + encodeURIComponent(lastId) : ""));
      EVENTS.forEach((name) => source.addEventListener(name, take));
      source.onerror = fail;
    }

    function take(event) {
      if (event.lastEventId) lastId = event.lastEventId;
      attempt = 0;
      tell({ event: event.type, data: event.data });
    }

    function fail() {
      source.close();
      attempt += 1;
      // everybody lost the stream at the same moment: they should not come back at the same moment
      const wait = Math.min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** Math.min(attempt, 6)) * (0.75 + Math.random() / 2);
      timer = setTimeout(open, wait);
      tell({ attempt, tryAt: Date.now() + wait });
    }

    const control = {
      tryNow: open,
      // a reader that knows nothing yet needs the whole picture
      startOver: () => ((lastId = ""), open()),
      close: () => (clearTimeout(timer), source && source.close()),
    };
    open();
    return control;
  }

  if (typeof SharedWorkerGlobalScope !== "undefined") {
    const ports = new Set();
    let running = null;
    scope.onconnect = (event) => {
      const port = event.ports[0];
      ports.add(port);
      port.onmessage = ({ data }) => {
        if (data === "try") running.tryNow();
        if (data === "again") running.startOver();
        if (data === "bye") ports.delete(port);
        if (!ports.size && running) running = running.close();
      };
      if (running) running.startOver();
      else running = stream((message) => ports.forEach((each) => each.postMessage(message)));
    };
    return;
  }

  const address = document.currentScript.src;

  function shared(tell) {
    const worker = new SharedWorker(address, { name: "kilowatch" });
    worker.port.onmessage = ({ data }) => tell(data);
    const say = (word) => () => worker.port.postMessage(word);
    return { worker, tryNow: say("try"), startOver: say("again"), close: say("bye") };
  }

  /* The stream of this page, shared with other tabs where the browser can. */
  scope.kilowatch.stream = function (tell) {
    if (!scope.SharedWorker) return stream(tell);
    let used = shared(tell);
    used.worker.onerror = () => (used = stream(tell));
    return { tryNow: () => used.tryNow(), startOver: () => used.startOver(), close: () => used.close() };
  };
})(self);
