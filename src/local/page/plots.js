// Draws the metrics. What belongs together shares a plot: two directions of one thing, or one metric of several devices.
"use strict";

const plots = (() => {
  const COLOURS = 6;
  const PAIRS = [
    ["DiskReadBytes", "DiskWriteBytes", "Disk throughput"],
    ["DiskReadOps", "DiskWriteOps", "Disk operations"],
    ["NetworkIn", "NetworkOut", "Network throughput"],
    ["NetworkPacketsIn", "NetworkPacketsOut", "Network packets"],
    ["MemoryUsed", "MemoryAvailable", "Memory"],
  ];
  const series = new Map(); // by the endpoint's number: {name, unit, dimensions, points, ...}
  const drawn = new Map(); // by title: a plot
  let minutes = 5;
  let newest = 0;

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // What a plot is called, and so what shares it.
  function home(one) {
    const pair = PAIRS.find((names) => names.includes(one.name) && one.namespace === names.namespace)
      || PAIRS.find((names) => names[0] === one.name || names[1] === one.name);
    return pair ? pair[2] : one.name;
  }

  // What tells one line of a plot from the others: the name where names differ, and the dimensions that differ.
  function labels(members) {
    const differing = (pick) => new Set(members.map(pick)).size > 1;
    const names = new Set(members.flatMap((one) => one.dimensions.map(([name]) => name)));
    const value = (one, name) => (one.dimensions.find(([held]) => held === name) || [null, ""])[1];
    const telling = [...names].filter((name) => differing((one) => value(one, name)));
    return members.map((one) => {
      const parts = telling.map((name) => value(one, name)).filter(Boolean);
      if (differing((other) => other.name)) parts.unshift(short(one.name));
      if (differing((other) => other.namespace)) parts.unshift(one.namespace);
      return parts.join(" ") || one.name;
    });
  }

  function short(name) {
    const words = { In: "in", Out: "out", Read: "read", Write: "written", Used: "used", Available: "available" };
    const found = name.match(/(In|Out|Read|Write|Used|Available)(Bytes|Ops)?$/);
    return found ? words[found[1]] : name;
  }

  const say = (one, value) => format.metric(value, one.unit) + (format.isRate(one.name) && value !== null ? "/s" : "");

  // One time axis for all lines of a plot, with gaps where a line has no point.
  function table(members) {
    const times = [...new Set(members.flatMap((one) => one.points.map(([at]) => at)))].sort((a, b) => a - b);
    const rows = members.map((one) => {
      const values = new Map(one.points);
      return times.map((at) => (values.has(at) ? values.get(at) : null));
    });
    return [times.map((at) => at / 1000), ...rows];
  }

  function range(data) {
    const end = newest / 1000;
    const first = data[0].length ? data[0][0] : end;
    const start = minutes ? end - minutes * 60 : first;
    return [Math.min(start, end - 30), end];
  }

  // From zero, a share of 100 at least up to 10, and never flat.
  function heights(unit) {
    return (_, low, high) => {
      if (low === null || high === null) return [0, 1];
      const floor = Math.min(0, low);
      const least = unit === "Percent" ? 10 : 1;
      const top = Math.max(high + (high - floor) * 0.12, floor + least);
      return [floor, unit === "Percent" && high <= 100 ? Math.min(top, 104) : top];
    };
  }

  // Pixels between two ticks at the least.
  const TICK_SPACE = 34;

  function options(plot, width) {
    const quiet = style("--quiet");
    const grid = { stroke: style("--grid"), width: 1 };
    const axis = { stroke: quiet, grid, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const lead = plot.members[0];
    const step = (u, id, low, high) => ticksOf(lead.unit, low, high, u.bbox.height / devicePixelRatio / TICK_SPACE);
    const lines = plot.members.map((one, index) => {
      const stroke = style("--series-" + ((index % COLOURS) + 1));
      const fill = plot.members.length === 1 ? stroke + "1a" : undefined;
      return { label: plot.labels[index], stroke, fill, width: 1.75, spanGaps: true, points: { show: one.points.length < 2, size: 5 } };
    });
    return {
      width,
      height: 170,
      legend: { show: false },
      padding: [8, 6, 0, 0],
      cursor: { sync: { key: "metrics" }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true, range: (u) => range(u.data) }, y: { range: heights(lead.unit) } },
      axes: [
        { ...axis, space: 46, size: 26, values: (_, ticks) => ticks.map((at) => format.clock(at * 1000).replace(/:00$/, "")) },
        { ...axis, size: 70, space: TICK_SPACE, splits: step, values: (_, ticks) => ticks.map((value) => say(lead, value)) },
      ],
      series: [{}, ...lines],
      hooks: { setCursor: [(u) => point(plot, u)] },
    };
  }

  // Ticks at round figures: of 1024 for bytes, of 10 for everything else.
  function ticksOf(unit, low, high, most) {
    const least = (high - low) / Math.max(1, Math.min(5, Math.floor(most)));
    const ten = 10 ** Math.floor(Math.log10(least));
    // Powers of two, so that a tick of bytes is a round number in every unit up to the next.
    const step = unit.includes("ytes")
      ? 2 ** Math.max(0, Math.ceil(Math.log2(least)))
      : [1, 2, 2.5, 5, 10].map((times) => times * ten).find((candidate) => candidate >= least * 0.999);
    const ticks = [];
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) ticks.push(Number(at.toPrecision(12)));
    return ticks;
  }

  // The value and the time under the pointer. Only the plot that the pointer is over speaks; the others show the line.
  function point(plot, u) {
    const tip = document.getElementById("tip");
    if (!plot.root.matches(":hover") && !plot.touched) return;
    const index = u.cursor.idx;
    if (index === null || index === undefined || u.cursor.left < 0) {
      tip.hidden = true;
      return;
    }
    document.getElementById("tip-time").textContent = format.moment(u.data[0][index] * 1000);
    const rows = plot.members.map((one, nth) => {
      const row = element("div");
      const swatch = element("i", "swatch");
      swatch.dataset.series = (nth % COLOURS) + 1;
      row.append(swatch, element("span", "", plot.labels[nth]), element("b", "", say(one, near(u.data[nth + 1], index))));
      return row;
    });
    document.getElementById("tip-values").replaceChildren(...rows);
    tip.hidden = false;
    const box = u.over.getBoundingClientRect();
    const left = box.left + u.cursor.left + 14;
    tip.style.left = Math.max(4, left + tip.offsetWidth > innerWidth - 8 ? left - tip.offsetWidth - 28 : left) + "px";
    tip.style.top = Math.max(4, box.top + 10) + "px";
  }

  // Lines of one plot may have points at different times: the last one up to there.
  function near(values, index) {
    for (let at = index; at >= 0; at -= 1) if (values[at] !== null) return values[at];
    return null;
  }

  function build(title) {
    const root = element("article", "plot");
    root.dataset.metric = title;
    const head = element("div", "head");
    const now = element("div", "now");
    head.append(element("h3", "", title), now);
    const canvas = element("div", "canvas");
    root.append(head, canvas);
    root.addEventListener("mouseleave", () => { document.getElementById("tip").hidden = true; });
    const plot = { title, root, now, canvas, members: [], labels: [], chart: null };
    drawn.set(title, plot);
    const after = [...drawn.keys()].sort(order);
    const next = after[after.indexOf(title) + 1];
    document.getElementById("plots").insertBefore(root, next ? drawn.get(next).root : null);
    return plot;
  }

  // The subjects that people look at first come first; the rest by name.
  function order(one, other) {
    const subjects = [/^CPUUtil/, /^CPU/, /^MemoryUtil/, /^Memory/, /^Load/i, /^Disk/, /^Network/, /^Temp/i];
    const rank = (title) => subjects.findIndex((subject) => subject.test(title)) + 1 || subjects.length + 1;
    return rank(one) - rank(other) || one.localeCompare(other);
  }

  function redraw(plot, anew) {
    const data = table(plot.members);
    if (anew || !plot.chart) {
      if (plot.chart) plot.chart.destroy();
      plot.chart = new uPlot(options(plot, plot.canvas.clientWidth || 300), data, plot.canvas);
    } else {
      plot.chart.setData(data);
    }
    const now = plot.members.map((one, index) => {
      const shown = element("span");
      if (plot.members.length > 1) {
        const swatch = element("i", "swatch");
        swatch.dataset.series = (index % COLOURS) + 1;
        shown.append(swatch, plot.labels[index] + " ");
      }
      const last = one.points[one.points.length - 1];
      shown.append(element("b", "", say(one, last ? last[1] : null)));
      return shown;
    });
    plot.now.replaceChildren(...now.slice(0, 8));
  }

  // News of the endpoint: points are merged by their own times.
  function take(news) {
    const touched = new Set();
    for (const fresh of news) {
      let one = series.get(fresh.id);
      if (!one) {
        one = { ...fresh, points: [] };
        series.set(fresh.id, one);
        const plot = drawn.get(home(one)) || build(home(one));
        plot.members.push(one);
        plot.members.sort((a, b) => (a.name === b.name ? a.id - b.id : pairOrder(a) - pairOrder(b) || a.id - b.id));
        plot.labels = labels(plot.members);
        plot.stale = true;
      }
      const inOrder = !one.points.length || fresh.points.every(([at]) => at >= one.points[one.points.length - 1][0]);
      one.points.push(...fresh.points);
      if (!inOrder) one.points.sort((a, b) => a[0] - b[0]);
      if (one.points.length > 4096) one.points.splice(0, one.points.length - 4096);
      for (const [at] of fresh.points) newest = Math.max(newest, at);
      touched.add(drawn.get(home(one)));
    }
    if (!touched.size) return;
    document.getElementById("metrics-empty").hidden = true;
    for (const plot of drawn.values()) {
      const few = plot.members.some((one) => one.points.length < 4);
      redraw(plot, plot.stale || few);
      plot.stale = false;
    }
  }

  function pairOrder(one) {
    const pair = PAIRS.find((names) => names[1] === one.name);
    return pair ? 1 : 0;
  }

  function again() {
    for (const plot of drawn.values()) redraw(plot, true);
  }

  function show(chosen) {
    minutes = chosen;
    again();
  }

  function resize() {
    for (const plot of drawn.values()) {
      if (plot.chart) plot.chart.setSize({ width: plot.canvas.clientWidth || 300, height: 170 });
    }
  }

  let waiting = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(resize);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  addEventListener("scroll", () => { document.getElementById("tip").hidden = true; }, { passive: true });

  return { take, show };
})();
