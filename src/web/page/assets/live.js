// Keeps a page up to date while somebody looks at it. Without this script every page shows what
// was so when it was asked for, and a reload shows what is so now.
"use strict";

(() => {
  const said = document.getElementById("said");
  const listening = document.getElementById("listening");
  let refreshing = false;
  const told = new Map();
  const tried = new Map();

  // How far away a moment is, in its largest unit: the same words as the server's.
  function near(then) {
    const seconds = Math.trunc((then - Date.now()) / 1000);
    const away = Math.abs(seconds);
    if (away < 5) return "now";
    const span = away < 60 ? `${away} s`
      : away < 3600 ? `${Math.trunc(away / 60)} min`
      : away < 172800 ? `${Math.trunc(away / 3600)} h`
      : `${Math.trunc(away / 86400)} days`;
    return seconds < 0 ? `${span} ago` : `in ${span}`;
  }

  function tick() {
    for (const place of document.querySelectorAll("[data-near]")) {
      place.textContent = `(${near(Date.parse(place.dataset.near))})`;
    }
  }

  function put(box, name, text) {
    const place = box.querySelector(`[data-bar="${name}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  }

  // Moves the bar; its words are the server's.
  function move(box, bar) {
    const progress = box.querySelector("progress");
    if (!progress) return;
    if (bar.percent === null) {
      progress.removeAttribute("value");
    } else {
      progress.value = bar.percent;
      progress.textContent = `${bar.percent} %`;
    }
    put(box, "kind", bar.kind);
    put(box, "words", bar.words);
    put(box, "phase", bar.phase);
    put(box, "done", bar.done);
    put(box, "total", bar.total === null ? "" : ` of ${bar.total}`);
    put(box, "rate", bar.rate === null ? "" : bar.rate);
    put(box, "left", bar.left === null ? "" : `${bar.left} left in this phase`);
    put(box, "took", bar.took);
  }

  // Says a change of phase to whoever does not see the bar, and not every step.
  function say(live) {
    const words = live.running === null ? "no cycle is under way" : live.running.words;
    const before = told.get(live.app);
    told.set(live.app, words);
    if (before !== undefined && before !== words) said.textContent = `${live.app}: ${words}`;
  }

  // Fetches the page anew and takes over its parts, but for one that somebody is busy with.
  async function refresh() {
    if (refreshing) return;
    refreshing = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const open = new Set([...document.querySelectorAll("details[open][id]")].map((one) => one.id));
      for (const part of [...document.querySelectorAll("[data-refresh]")]) {
        const other = fresh.getElementById(part.id);
        if (!other) {
          if (!part.contains(document.activeElement)) part.remove();
        } else if (!part.contains(document.activeElement)) {
          for (const details of other.querySelectorAll("details[id]")) details.open = open.has(details.id);
          part.replaceWith(other);
        }
      }
      // Parts that were not there before: each goes after the one that it follows.
      let last = null;
      for (const part of fresh.querySelectorAll("[data-refresh]")) {
        const here = document.getElementById(part.id);
        if (!here && last) last.after(part);
        last = document.getElementById(part.id);
      }
      const asOf = fresh.querySelector("footer time");
      if (asOf) document.querySelector("footer time").replaceWith(asOf);
      addCopies();
      tick();
    } finally {
      refreshing = false;
    }
  }

  // A button beside each command, where the browser lets a page write to the clipboard.
  function addCopies() {
    if (!navigator.clipboard) return;
    for (const command of document.querySelectorAll(".command")) {
      if (command.querySelector("button")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      const text = command.querySelector("code").textContent;
      button.setAttribute("aria-label", `Copy ${text}`);
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(text);
        said.textContent = "copied";
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
      command.append(button);
    }
  }

  function listen() {
    const source = new EventSource("/events");
    const versions = new Map();
    source.addEventListener("open", () => { listening.textContent = "Live."; });
    source.addEventListener("error", () => { listening.textContent = "Not live: the service does not answer. Tried again by itself."; });
    source.addEventListener("app", (event) => {
      const live = JSON.parse(event.data);
      say(live);
      let stale = false;
      for (const box of document.querySelectorAll("[data-live]")) {
        if (box.dataset.live !== live.app) continue;
        if (box.dataset.version !== live.version) stale = true;
        else if (live.running !== null) move(box, live.running);
      }
      // What somebody is busy with stays as it is until they turn away from it.
      if (stale && tried.get(live.app) !== live.version) {
        tried.set(live.app, live.version);
        refresh();
      }
      // Events that somebody reads do not move away below the eyes: a line says that there are more.
      const before = versions.get(live.app);
      versions.set(live.app, live.version);
      const log = document.querySelector("[data-log]");
      if (log && log.dataset.log === live.app && before !== undefined && before !== live.version && live.running === null) {
        document.getElementById("newer").hidden = false;
      }
    });
    document.addEventListener("focusout", () => tried.clear());
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  addCopies();
  setInterval(tick, 10000);
  if (document.querySelector("[data-live], [data-log]")) listen();
})();
