// Asks the endpoint once a second what is new and puts it on the page. Log lines are hostile: they are set as text, never
// as markup.
"use strict";

(() => {
  const PERIOD_MS = 1000;
  const MAX_ROWS = 1000;
  const at = (id) => document.getElementById(id);
  const cursor = { metrics: 0, lines: 0 };
  const chosen = { group: null, stream: null, search: "" };
  const rate = { at: 0, events: 0, shown: 0 };
  let run = null;
  let following = true;
  let unseen = 0;
  let turn = 0; // changes with the choice, so that an answer that was asked for before it is dropped

  async function ask(path, parameters) {
    const given = Object.entries(parameters || {}).filter(([, value]) => value !== null && value !== "");
    const answer = await fetch("api/" + path + "?" + new URLSearchParams(given), { cache: "no-store" });
    if (!answer.ok) throw new Error("status " + answer.status);
    const body = await answer.json();
    if (run !== null && body.run !== run) location.reload();
    run = body.run;
    return body;
  }

  const make = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const set = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };

  // At a glance ------------------------------------------------------------------------------------------------------

  function glance(state) {
    const { counts, status } = state;
    const sum = (object) => Object.values(object).reduce((all, one) => all + one, 0);
    if (rate.at && state.now > rate.at) rate.shown = ((counts.events - rate.events) * 1000) / (state.now - rate.at);
    [rate.at, rate.events] = [state.now, counts.events];
    set("glance-lines", format.whole(counts.events));
    const size = format.bytes(counts.message_bytes);
    set("glance-lines-more", counts.events ? size + " · " + format.count(Math.round(rate.shown)) + "/s" : "none yet");
    set("glance-samples", format.whole(counts.datums));
    set("glance-samples-more", counts.datums ? "of " + state.metrics + (state.metrics === 1 ? " metric" : " metrics") : "none yet");
    const requests = sum(counts.requests);
    const refused = sum(counts.refused);
    set("glance-requests", format.whole(requests));
    const wire = format.bytes(counts.wire_bytes) + " sent";
    set("glance-requests-more", requests ? (refused ? format.whole(refused) + " refused · " : "") + wire : "none yet");
    if (status) {
      set("glance-lag", format.bytes(status.lag_bytes));
      const age = status.lag_ms ? ", oldest " + format.duration(status.lag_ms) : "";
      set("glance-lag-more", status.records_waiting ? format.whole(status.records_waiting) + " waiting" + age : "nothing waits");
      set("glance-memory", status.resident_bytes ? format.bytes(status.resident_bytes) : "–");
      set("glance-memory-more", format.whole(status.files) + (status.files === 1 ? " file followed" : " files followed"));
    }
    const trouble = at("trouble");
    trouble.hidden = !(status && status.trouble);
    if (!trouble.hidden) set("trouble", status.trouble);
    if (status) agent(status);
  }

  function agent(status) {
    const facts = [
      ["Lines sent", format.whole(status.records_sent)],
      ["Lines refused", format.whole(status.records_refused)],
      ["Lines filtered out", format.whole(status.records_filtered)],
      ["Lines waiting", format.whole(status.records_waiting)],
      ["Sent", format.bytes(status.bytes_sent)],
      ["Unsent in files", format.bytes(status.lag_bytes)],
      ["Oldest waiting line", status.lag_ms ? format.duration(status.lag_ms) : "none"],
      ["Files followed", format.whole(status.files)],
      ["Samples sent", format.whole(status.samples_sent)],
      ["Samples refused", format.whole(status.samples_refused)],
      ["Samples waiting", format.whole(status.samples_waiting)],
      ["Requests answered", format.whole(status.requests_ok)],
      ["Requests failed", format.whole(status.requests_failed)],
      ["Clock offset", status.clock_skew_ms === null ? "not measured" : format.duration(status.clock_skew_ms)],
      ["Resident memory", status.resident_bytes ? format.bytes(status.resident_bytes) : "–"],
      ["Trouble", status.trouble ? "see above" : "none"],
    ];
    const list = at("agent-facts");
    if (list.childElementCount !== facts.length) {
      list.replaceChildren(...facts.map(([name]) => {
        const fact = make("div");
        fact.append(make("dt", "", name), make("dd"));
        return fact;
      }));
      list.hidden = false;
      at("agent-empty").hidden = true;
    }
    facts.forEach(([, value], nth) => {
      const held = list.children[nth].lastChild;
      if (held.textContent !== value) held.textContent = value;
    });
  }

  // Groups and streams -----------------------------------------------------------------------------------------------

  const buttons = new Map(); // by group and stream
  let layout = "";

  function streams(state) {
    set("all-count", format.count(state.counts.events));
    const now = JSON.stringify([state.groups, state.streams.map(({ group, stream }) => [group, stream]), state.streams_total]);
    if (now !== layout) {
      layout = now;
      lay(state);
    }
    for (const one of state.streams) {
      const button = buttons.get(JSON.stringify([one.group, one.stream]));
      const count = format.count(one.taken);
      if (button.lastChild.textContent !== count) button.lastChild.textContent = count;
    }
    mark();
  }

  function lay(state) {
    buttons.clear();
    const blocks = [];
    for (const { group, retention_days: days } of state.groups) {
      const block = make("div");
      block.append(make("p", "group", group + (days ? " · kept " + days + (days === 1 ? " day" : " days") : "")));
      for (const one of state.streams.filter((stream) => stream.group === group)) {
        const button = make("button", "stream");
        button.type = "button";
        button.title = one.group + " " + one.stream;
        button.append(make("span", "name", one.stream), make("span", "count"));
        button.addEventListener("click", () => choose(one.group, one.stream));
        buttons.set(JSON.stringify([one.group, one.stream]), button);
        block.append(button);
      }
      blocks.push(block);
    }
    const missing = state.streams_total - state.streams.length;
    if (missing > 0) blocks.push(make("p", "group", "and " + format.whole(missing) + " streams that were quiet for longer"));
    at("groups").replaceChildren(...blocks);
  }

  function mark() {
    at("all-streams").setAttribute("aria-current", String(chosen.stream === null));
    const key = JSON.stringify([chosen.group, chosen.stream]);
    for (const [held, button] of buttons) button.setAttribute("aria-current", String(held === key));
  }

  function choose(group, stream) {
    Object.assign(chosen, { group, stream });
    mark();
    restart();
  }

  // Lines: the live tail, or what a search finds -------------------------------------------------------------------------

  function restart() {
    turn += 1;
    cursor.lines = 0;
    found = 0;
    follow();
    at("lines").replaceChildren();
    at("tail").classList.toggle("searching", chosen.search !== "");
    title();
    lines().catch(lost);
  }

  let found = 0;
  let searched = 0;

  function title() {
    const where = chosen.stream === null ? "all streams" : chosen.group + " " + chosen.stream;
    const empty = at("lines").childElementCount === 0;
    at("tail-empty").hidden = !empty;
    if (chosen.search === "") {
      set("tail-title", "Live: " + where);
      set("tail-empty", "New log lines will appear here while the agent sends them.");
      return;
    }
    const shown = at("lines").childElementCount;
    const beyond = found > shown ? ", the newest " + format.whole(shown) + " shown" : "";
    const kept = format.whole(searched) + (searched === 1 ? " kept line" : " kept lines");
    set("tail-title", format.whole(found) + (found === 1 ? " match" : " matches") + " in " + where + beyond + " · " + kept + " searched");
    set("tail-empty", "No kept line holds “" + chosen.search + "”. New matches will appear here.");
  }

  async function lines() {
    const mine = turn;
    const since = cursor.lines;
    const { group, stream, search } = chosen;
    const answer = await ask(search ? "search" : "lines", { group, stream, q: search, since });
    if (mine !== turn || since !== cursor.lines) return; // the choice changed, or another answer was faster
    cursor.lines = answer.since;
    found += answer.lines.length + answer.more;
    searched = answer.searched || 0;
    const tail = at("tail");
    at("lines").append(...answer.lines.map(row));
    while (at("lines").childElementCount > MAX_ROWS) {
      const first = at("lines").firstChild;
      const height = following ? 0 : first.offsetHeight;
      first.remove();
      if (!following) tail.scrollTop -= height;
    }
    title();
    if (following) {
      tail.scrollTop = tail.scrollHeight;
    } else if (answer.lines.length) {
      unseen += answer.lines.length + answer.more;
      set("follow", "↓ " + format.whole(unseen) + (unseen === 1 ? " new line" : " new lines"));
    }
  }

  function row(line) {
    const made = make("div", "line");
    if (/\b(error|fatal|panic|crit(ical)?|emerg|failed|failure)\b/i.test(line.text)) made.dataset.level = "bad";
    else if (/\bwarn(ing)?\b/i.test(line.text)) made.dataset.level = "warn";
    const time = make("time", "", format.clock(line.at));
    time.dateTime = new Date(line.at).toISOString();
    time.title = format.moment(line.at);
    made.append(time);
    if (chosen.stream === null || chosen.search) {
      const from = make("span", "from", line.stream);
      if (chosen.search) from.append(" ", make("i", "", line.group));
      from.title = line.group + " " + line.stream;
      made.append(from);
    }
    const text = make("span", "text");
    text.append(...highlighted(line.text, chosen.search));
    made.append(text);
    return made;
  }

  // The text as nodes, with what was searched for in <mark>.
  function highlighted(text, wanted) {
    if (!wanted) return [text];
    const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&").replace(/\\-/g, "\\x2d"), "gi");
    const parts = [];
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      parts.push(text.slice(end, match.index), make("mark", "", match[0]));
      end = match.index + match[0].length;
    }
    parts.push(text.slice(end));
    return parts;
  }

  function follow() {
    following = true;
    unseen = 0;
    at("follow").hidden = true;
    at("tail").scrollTop = at("tail").scrollHeight;
  }

  function scrolled() {
    const tail = at("tail");
    const atEnd = tail.scrollHeight - tail.scrollTop - tail.clientHeight < 24;
    if (atEnd && !following) follow();
    if (!atEnd && following) {
      following = false;
      set("follow", "↓ Follow");
      at("follow").hidden = false;
    }
  }

  // Life -----------------------------------------------------------------------------------------------------------------

  function lost() {
    at("connection").dataset.state = "lost";
    set("connection", "endpoint is gone");
  }

  async function tick() {
    try {
      if (!document.hidden) {
        const [state, metrics] = await Promise.all([ask("state"), ask("metrics", { since: cursor.metrics }), lines()]);
        glance(state);
        streams(state);
        cursor.metrics = metrics.since;
        plots.take(metrics.series);
        at("connection").dataset.state = "live";
        set("connection", "live");
      }
    } catch (error) {
      console.error(error);
      lost();
    }
    setTimeout(tick, PERIOD_MS);
  }

  let typing = 0;
  at("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      chosen.search = at("search").value.trim();
      restart();
    }, 200);
  });
  at("all-streams").addEventListener("click", () => choose(null, null));
  at("tail").addEventListener("scroll", scrolled, { passive: true });
  at("follow").addEventListener("click", follow);
  addEventListener("resize", () => { if (following) follow(); });
  at("ranges").addEventListener("click", (event) => {
    if (!event.target.dataset.minutes) return;
    for (const button of at("ranges").children) button.setAttribute("aria-pressed", String(button === event.target));
    plots.show(Number(event.target.dataset.minutes));
  });
  set("where", "Endpoint: " + location.origin);
  tick();
})();
