"use strict";
// Charts in the page's own colours. What they show stands beside them in words or in a table.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const drawn = new Map();

function axes(more = {}) {
  const stroke = colour("quiet"), line = colour("line");
  const grid = { stroke: line, width: 1 }, ticks = { stroke: line, width: 1 };
  return [{ stroke, grid, ticks, space: 90, values: moments }, { stroke, grid, ticks, size: 70, ...more }];
}

// As the page writes them; the day stands where it begins.
function moments(_, ticks, _axis, _space, step) {
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: step < 60 ? "medium" : "short" });
  let before = "";
  return ticks.map((one) => {
    const at = new Date(one * 1000), today = day.format(at), isSame = today === before;
    before = today;
    if (step >= 86400) return today;
    return isSame ? clock.format(at) : `${clock.format(at)}\n${today}`;
  });
}

function minutes(values, width) {
  const bars = uPlot.paths.bars({ size: [0.8, 100] });
  const series = (label, name) => ({ label, width: 0, fill: colour(name), paths: bars, points: { show: false } });
  const options = {
    width, height: 240, legend: { show: false }, cursor: { show: false },
    scales: { y: { range: (_, low, high) => [0, Math.max(high, 4)] } },
    axes: axes(),
    series: [{}, series("transactions", "transactions"), series("anomalies", "anomalies")],
  };
  return [options, [values.at, values.transactions, values.anomalies]];
}

function history(values, width, self) {
  const points = values.points;
  const is = { this: (one) => String(one.number) === self, anomalies: (one) => one.number !== null && String(one.number) !== self, transactions: (one) => one.number === null };
  const only = (name) => points.map((one) => (is[name](one) ? Number(one.amount) : null));
  const series = (name, size) => ({ label: name, stroke: colour(name), paths: () => null, points: { show: true, size, fill: colour(name), stroke: colour(name) } });
  const highest = Math.max(Number(values.threshold ?? 0), ...points.map((one) => Number(one.amount)), 1);
  const times = points.map((one) => one.at);
  const first = Math.min(...times, ...values.spans.map((one) => one.begin)), last = Math.max(...times, ...values.spans.map((one) => one.end));
  const room = Math.max((last - first) * 0.03, 60);
  const options = {
    width, height: 260, legend: { show: false }, cursor: { show: false },
    scales: { x: { range: () => [first - room, last + room] }, y: { range: () => [0, highest * 1.08] } },
    axes: axes({ values: (_, ticks) => ticks.map((one) => one.toLocaleString()) }),
    series: [{}, series("transactions", 5), series("anomalies", 6), series("this", 9)],
    hooks: { drawClear: [(chart) => spans(chart, values.spans)], draw: [(chart) => threshold(chart, values.threshold)] },
  };
  return [options, [times, only("transactions"), only("anomalies"), only("this")]];
}

function spans(chart, all) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.fillStyle = colour("span");
  for (const one of all) {
    const from = Math.max(chart.valToPos(one.begin, "x", true), bbox.left), to = chart.valToPos(one.end, "x", true);
    ctx.fillRect(from, bbox.top, Math.max(to - from, 2), bbox.height);
  }
  ctx.restore();
}

function threshold(chart, value) {
  if (value === null) return;
  const { ctx, bbox } = chart;
  const y = chart.valToPos(Number(value), "y", true);
  ctx.save();
  ctx.strokeStyle = colour("threshold");
  ctx.lineWidth = 2;
  ctx.setLineDash([8, 6]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function draw(within = document) {
  for (const place of within.querySelectorAll("[data-chart]")) {
    drawn.get(place)?.destroy();
    const values = JSON.parse(place.dataset.values);
    const width = Math.max(place.clientWidth, 200);
    const [options, data] = place.dataset.chart === "minutes" ? minutes(values, width) : history(values, width, place.dataset.this);
    if (data[0].length) drawn.set(place, new uPlot(options, data, place));
  }
  for (const place of drawn.keys()) if (!place.isConnected) drawn.delete(place);
}

let waiting;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
