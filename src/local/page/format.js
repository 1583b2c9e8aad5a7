// Turns figures into words for people. Knows nothing of the page.
"use strict";

const format = {
  // 1,234,567
  whole(value) {
    return Math.round(value).toLocaleString("en-GB");
  },

  // At most three significant places: 0.25, 12.3, 456.
  places(value) {
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size >= 100) return format.whole(value);
    if (size < 0.001) return value.toExponential(1);
    return String(Number(value.toPrecision(3)));
  },

  // 1.2 GiB
  bytes(value) {
    const names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let step = 0;
    let rest = value;
    while (Math.abs(rest) >= 1000 && step < names.length - 1) {
      rest /= 1024;
      step += 1;
    }
    return format.places(rest) + " " + names[step];
  },

  // 1.2 M
  count(value) {
    const size = Math.abs(value);
    if (size >= 1e9) return format.places(value / 1e9) + " G";
    if (size >= 1e6) return format.places(value / 1e6) + " M";
    if (size >= 1e4) return format.places(value / 1e3) + " k";
    return format.places(value);
  },

  // 3.2 s, 4 min, 2 h 10 min, 5 d 3 h
  duration(ms) {
    const seconds = Math.abs(ms) / 1000;
    const sign = ms < 0 ? "−" : "";
    if (seconds < 1) return sign + Math.round(seconds * 1000) + " ms";
    if (seconds < 60) return sign + format.places(seconds) + " s";
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return sign + minutes + " min";
    const hours = Math.floor(minutes / 60);
    const pair = (large, name, small, other) => sign + large + " " + name + (small ? " " + small + " " + other : "");
    if (hours < 24) return pair(hours, "h", minutes % 60, "min");
    return pair(Math.floor(hours / 24), "d", hours % 24, "h");
  },

  // A metric's value in its CloudWatch unit.
  metric(value, unit) {
    if (value === null || value === undefined) return "–";
    const [base, per] = unit.split("/");
    const suffix = per ? "/s" : "";
    const scales = { Kilobytes: 1024, Megabytes: 1024 ** 2, Gigabytes: 1024 ** 3, Terabytes: 1024 ** 4 };
    if (base === "Bytes") return format.bytes(value) + suffix;
    if (scales[base]) return format.bytes(value * scales[base]) + suffix;
    if (base === "Percent") return format.places(value) + " %";
    if (base === "Seconds") return format.duration(value * 1000);
    if (base === "Milliseconds") return format.duration(value);
    if (base === "Microseconds") return format.duration(value / 1000);
    if (base === "Count" || base === "None") return format.count(value) + suffix;
    return format.count(value) + " " + unit;
  },

  // The metrics of this agent that are rates, though CloudWatch's unit does not say so: per second over the interval.
  isRate(name) {
    return /^(Disk(Read|Write)(Bytes|Ops)|Network(Packets)?(In|Out))$/.test(name);
  },

  // 14:03:27
  clock(ms) {
    return new Date(ms).toLocaleTimeString("en-GB", { hour12: false });
  },

  // Sat 21 Nov, 14:03:27
  moment(ms) {
    const day = new Date(ms).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" });
    return day + ", " + format.clock(ms);
  },
};
