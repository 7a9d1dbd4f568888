"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const metricOf = Object.fromEntries(data.metrics.map(m => [m.name, m]));
const shown = data.metrics.filter(m => data.points.some(p => p.metrics[m.name].mean !== null));
const objectives = data.objectives.filter(o => metricOf[o.metric]);
const finished = data.points.filter(p => p.rank !== null);
const stageOf = Object.fromEntries(data.stages.map(s => [s.row, s]));
const fixed = new Set();
let brushed = null;  // points that the parallel axes let through; null: all
let sorting = {key: "rank", up: true};

// ---- numbers and texts ----
const isFraction = name => name.includes("accuracy");
function short(value) {
  const units = ["", " k", " M", " G", " T"];
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) { value /= 1000; unit++; }
  return (Math.abs(value) >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)) + units[unit];
}
function bytes(value) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit++; }
  return (unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)) + " " + units[unit];
}
function seconds(value) {
  if (value < 1e-3) return (value * 1e6).toFixed(0) + " µs";
  if (value < 1) return (value * 1e3).toPrecision(3) + " ms";
  return value < 120 ? value.toFixed(1) + " s" : (value / 60).toFixed(1) + " min";
}
function format(name, value) {
  if (value === null || value === undefined) return "–";
  if (isFraction(name)) return (100 * value).toFixed(2) + " %";
  if (name === "bytes" || name === "peak_memory") return bytes(value);
  if (name.startsWith("score") || name.includes("loss")) return value.toFixed(4);
  return metricOf[name] && metricOf[name].time ? seconds(value) : short(value);
}
function withError(name, entry) {
  const text = format(name, entry.mean);
  if (entry.mean === null || entry.half === null || !isFraction(name)) return text;
  return (100 * entry.mean).toFixed(2) + " ± " + (100 * entry.half).toFixed(2) + " %";
}
const escape = text => String(text).replace(/[&<>"']/g,
  c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}[c]));
const titles = {macs: "MACs", bitops: "bit operations", accuracy: "validation accuracy",
  test_accuracy: "test accuracy", "score.nominal": "nominal score", "score.measured": "measured score"};
const title = name => titles[name] || name.replace(/_/g, " ");
const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const value = (point, name) => point.metrics[name] ? point.metrics[name].mean : null;

// ---- columns of the table, those that decide first ----
const leading = ["accuracy", "test_accuracy", ...objectives.map(o => o.metric)];
const place = m => { const at = leading.indexOf(m.name); return at < 0 ? leading.length : at; };
const metricColumns = [...shown].sort((a, b) => place(a) - place(b))
  .map(m => ({key: m.name, title: title(m.name), help: m.help, metric: true,
    get: p => value(p, m.name), show: p => withError(m.name, p.metrics[m.name])}));
const decisive = metricColumns.filter(c => leading.includes(c.key));
const columns = [{key: "point", title: "point", get: p => p.point},
  {key: "label", title: "what it is", get: p => p.label}, ...decisive,
  ...(data.points.some(p => p.probability !== null)
    ? [{key: "probability", title: "P(front)", help: "share of draws of the seeds in which it is on the front",
        get: p => p.probability, show: p => p.probability === null ? "–" : p.probability.toFixed(2)}] : []),
  {key: "rank", title: "rank", help: "0: the front; 1: the front without that; ...", get: p => p.rank,
    show: p => p.rank ?? (p.failed ? "failed" : p.stopped ? "stopped" : "–")}, ...metricColumns.slice(decisive.length)];

// ---- top ----
function verdict() {
  const front = finished.filter(p => p.front);
  if (!front.length) return "No point is finished yet.";
  const first = objectives[0];
  const say = p => {
    const parts = objectives.slice(1).map(o => {
      const text = format(o.metric, value(p, o.metric));
      return o.metric === "bytes" ? text : `${text} ${escape(title(o.metric))}`;
    });
    return `<b>${format(first.metric, value(p, first.metric))}</b>` +
      (parts.length ? ` at ${parts.join(", ")}` : "") + ` (point ${p.point}, ${escape(p.label)})`;
  };
  const best = front.reduce((a, b) => (first.goal === "max"
    ? value(b, first.metric) > value(a, first.metric)
    : value(b, first.metric) < value(a, first.metric)) ? b : a);
  let text = `${front.length} of ${plural(finished.length, "point")} ${front.length === 1 ? "is" : "are"} ` +
    `on the front. Best ` +
    `${escape(title(first.metric))}: ${say(best)}.`;
  if (data.knee !== null) text += ` The knee, where more of one costs most of the others: ` +
    `${say(data.points[data.knee])}.`;
  return text + ` Selected on ${data.validation_images.toLocaleString("en")} validation images; ` +
    `test is only reported.`;
}
// What stands under the name, and what ± means. Attempts are not there in a report without times.
const attempts = data.stages.flatMap(s => s.attempts);
function about() {
  const ended = Math.max(0, ...attempts.map(a => a.ended || 0));
  const counts = state => data.stages.filter(s => s.state === state).length;
  return [plural(data.points.length, "point") + " × " + plural(data.seeds, "seed"),
    plural(data.stages.length, "stage"),
    ...["failed", "blocked", "stopped", "running", "waiting"].filter(counts).map(s => `${counts(s)} ${s}`),
    ...(ended ? [new Date(1000 * ended).toISOString().slice(0, 16).replace("T", " ") + " UTC"] : []),
  ].join(" · ");
}
function note() {
  const kinds = new Set(finished.map(p => p.interval));
  return (kinds.has("seeds") ? "± and bars: 95 % interval over seeds (Student's t)" +
      (kinds.has("images") ? "; where only one seed is there, of the validation images. " : ". ")
    : kinds.has("images") ? "± and bars: 95 % interval of the validation images; with one seed the " +
      "spread of trainings is unknown. " : "") +
    (objectives.length > 2 ? `The front is over ${objectives.map(o => title(o.metric)).join(", ")}; ` +
      `the line is that of the two shown. ` : "") + "Scroll to zoom, drag to move.";
}

function why(point) {
  if (point.dominator === null) return "";
  const by = data.points[point.dominator];
  const gains = objectives.map(o => {
    const gain = value(by, o.metric) - value(point, o.metric);
    if (gain === 0) return "";
    const amount = isFraction(o.metric) ? (100 * Math.abs(gain)).toFixed(2) + " points"
                                        : format(o.metric, Math.abs(gain));
    return `${amount} ${gain > 0 ? "more" : "less"} ${title(o.metric)}`;
  }).filter(Boolean).join(", ");
  const keys = new Set([...Object.keys(point.options), ...Object.keys(by.options)]);
  const changes = [...keys].filter(k => point.options[k] !== by.options[k])
    .map(k => `${k} ${point.options[k] ?? "–"} → ${by.options[k] ?? "–"}`).join("; ");
  return `Dominated by point ${by.point} (${by.label}): ${gains}.` + (changes ? ` Change: ${changes}.` : "");
}

// ---- scatter ----
const charts = ["scatter", "curves", "parallel"].map(id => echarts.init($(id), null, {renderer: "canvas"}));
const [scatter, curves, parallel] = charts;

// 1, 2, 5, 10, ...: a logarithmic axis of ECharts labels powers of ten only.
function ticks(range) {
  const list = [], wide = range.max / range.min > 300;
  for (let power = Math.floor(Math.log10(range.min)); 10 ** power <= range.max; power++)
    for (const digit of wide ? [1] : [1, 2, 5]) {
      const tick = digit * 10 ** power;
      if (tick >= range.min && tick <= range.max) list.push(tick);
    }
  return list;
}
function axis(name, log, range) {
  const custom = log && range ? {customValues: ticks(range)} : {};
  return {
    type: log ? "log" : "value", scale: true, name: title(name), nameLocation: "middle",
    nameGap: 34, nameTextStyle: {color: css("--soft")},
    ...range, axisTick: custom,
    axisLabel: {...custom, color: css("--soft"), hideOverlap: true,
      showMinLabel: !!log, showMaxLabel: !!log,
      formatter: v => isFraction(name) ? (100 * v).toFixed(1) + " %" : format(name, v)},
    axisLine: {lineStyle: {color: css("--line")}}, splitLine: {lineStyle: {color: css("--line")}},
  };
}
function tooltip(point) {
  return `<b>point ${point.point}</b> ${escape(point.label)}<br>` +
    Object.entries(point.options).map(([k, v]) => `${escape(k)} = ${escape(v)}`).join("<br>") +
    "<br>" + columns.filter(c => c.metric && value(point, c.key) !== null)
      .map(c => `${escape(c.title)}: ${c.show(point)}`).slice(0, 8).join("<br>");
}
function errorBars(points, x, y) {
  const rows = points.filter(p => p.metrics[y].half !== null)
    .map(p => [value(p, x), value(p, y) - p.metrics[y].half, value(p, y) + p.metrics[y].half]);
  return {
    type: "custom", data: rows, silent: true, z: 1, clip: true,
    renderItem: (params, api) => {
      const low = api.coord([api.value(0), api.value(1)]);
      const high = api.coord([api.value(0), api.value(2)]);
      const style = {stroke: css("--rest"), fill: null, lineWidth: 1, opacity: .7};
      return {type: "group", children: [
        {type: "line", shape: {x1: low[0], y1: low[1], x2: high[0], y2: high[1]}, style},
        {type: "line", shape: {x1: low[0] - 3, y1: low[1], x2: low[0] + 3, y2: low[1]}, style},
        {type: "line", shape: {x1: low[0] - 3, y1: high[1], x2: low[0] + 3, y2: high[1]}, style}]};
    },
  };
}
function series(name, points, x, y, color, size) {
  return {
    name, type: "scatter", symbolSize: size, large: points.length > 3000, cursor: "pointer", z: 3,
    itemStyle: {color, opacity: name === "dominated" ? .65 : 1},
    data: points.map(p => ({value: [value(p, x), value(p, y)], point: p.point,
      itemStyle: fixed.has(p.point) ? {borderColor: css("--ink"), borderWidth: 2} : undefined})),
  };
}
// Room around the points: a factor on a logarithmic axis, a margin with the error bars elsewhere.
function extent(points, name, log) {
  const low = p => value(p, name) - (log ? 0 : p.metrics[name].half ?? 0);
  const high = p => value(p, name) + (log ? 0 : p.metrics[name].half ?? 0);
  const least = Math.min(...points.map(low)), most = Math.max(...points.map(high));
  if (log) return {min: least / 1.3, max: most * 1.3};
  const close = !isFraction(name) && most - least < .1 * Math.abs(most); // or ticks read the same
  const margin = (close ? .1 * Math.abs(most) : (most - least) * .05 || Math.abs(most) * .05) || 1;
  return {min: least - margin, max: most + margin};
}
// The front of the two metrics that are shown; that of all objectives may zigzag in this plane.
function frontOfTwo(points, x, y) {
  const sign = name => metricOf[name].goal === "max" ? -1 : 1;
  let best = Infinity;
  return [...points].sort((a, b) => sign(x) * (value(a, x) - value(b, x)) ||
                                    sign(y) * (value(a, y) - value(b, y)))
    .filter(p => sign(y) * value(p, y) < best && ((best = sign(y) * value(p, y)), true));
}
function drawScatter() {
  const x = $("x").value, y = $("y").value, log = $("log").checked;
  const there = finished.filter(p => value(p, x) !== null && value(p, y) !== null &&
    (!log || value(p, x) > 0));
  const front = there.filter(p => p.front), knee = there.filter(p => p.point === data.knee);
  const rest = $("only").checked ? [] : there.filter(p => !p.front);
  const line = frontOfTwo(there, x, y);
  if (!there.length) return;
  scatter.setOption({
    animation: false, grid: {left: 76, right: 16, top: 34, bottom: 50},
    legend: {top: 0, textStyle: {color: css("--ink")}, data: ["front", "dominated", "knee"]},
    tooltip: {confine: true, formatter: p => p.data.point === undefined ? ""
      : tooltip(data.points[p.data.point]), backgroundColor: css("--card"),
      borderColor: css("--line"), textStyle: {color: css("--ink"), fontSize: 12}},
    xAxis: axis(x, log, extent(there, x, log)),
    yAxis: {...axis(y, false, extent(there, y, false)), nameGap: 54},
    dataZoom: [{type: "inside", xAxisIndex: 0}, {type: "inside", yAxisIndex: 0}],
    series: [
      {type: "line", data: line.map(p => [value(p, x), value(p, y)]), symbol: "none", silent: true,
       z: 2, lineStyle: {color: css("--front"), width: 1.5}},
      there.length <= 3000 ? errorBars([...rest, ...front], x, y) : {type: "custom", data: []},
      series("dominated", rest, x, y, css("--rest"), 9),
      series("front", front, x, y, css("--front"), 12),
      series("knee", knee, x, y, css("--knee"), 15),
    ],
  }, true);
}

// ---- fixed points ----
function toggle(point) {
  if (fixed.has(point)) fixed.delete(point); else fixed.add(point);
  drawScatter(); drawPinned(); drawCurves(); drawTable();
}
function drawPinned() {
  const points = [...fixed].map(p => data.points[p]);
  $("pinned").innerHTML = points.length ? points.map(p => `<div class="card"><h3>point ${p.point}` +
    `<button data-point="${p.point}" aria-label="release">✕</button></h3>${escape(p.label)}<dl>` +
    Object.entries(p.options).map(([k, v]) => `<dt>${escape(k)}</dt><dd>${escape(v)}</dd>`).join("") +
    columns.filter(c => c.metric && value(p, c.key) !== null)
      .map(c => `<dt>${escape(c.title)}</dt><dd>${c.show(p)}</dd>`).join("") +
    (p.probability !== null ? `<dt>P(front)</dt><dd>${p.probability.toFixed(2)}</dd>` : "") +
    `</dl><p class="why">${escape(why(p))}</p></div>`).join("")
    : `<p class="hint">Click a point to fix it here: its configuration, results, learning curves, ` +
      `and why it is dominated.</p>`;
  for (const button of $("pinned").querySelectorAll("button"))
    button.onclick = () => toggle(Number(button.dataset.point));
}
// One line for each seed, all of one colour: the epochs of its stages one after the other.
function curveOf(rows) {
  let epoch = 0;
  return rows.flatMap(row => stageOf[row].curve.map(line => [++epoch, line[5]]));
}
function drawCurves() {
  const palette = ["#4068c8", "#d9480f", "#2b8a3e", "#9c36b5", "#c2255c", "#0b7285", "#a87900"];
  const list = [...fixed].flatMap((p, i) => data.points[p].stages.map(curveOf).filter(c => c.length)
    .map(curve => ({point: data.points[p], curve, color: palette[i % palette.length]})));
  curves.setOption({
    animation: false, grid: {left: 76, right: 16, top: 34, bottom: 44},
    title: list.length ? undefined : {text: "no point with a curve is fixed", left: "center",
      top: "middle", textStyle: {color: css("--soft"), fontSize: 13, fontWeight: "normal"}},
    legend: {type: "scroll", top: 0, textStyle: {color: css("--ink")}},
    tooltip: {trigger: "axis", confine: true, backgroundColor: css("--card"),
      borderColor: css("--line"), textStyle: {color: css("--ink"), fontSize: 12},
      valueFormatter: v => v === null ? "–" : (100 * v).toFixed(2) + " %"},
    xAxis: {...axis("epoch of the chain", false), nameGap: 28, minInterval: 1,
      axisLabel: {color: css("--soft")}},
    yAxis: {...axis("accuracy", false), nameGap: 54},
    series: list.map(c => ({name: `${c.point.point}: ${c.point.label}`, type: "line", symbolSize: 4,
      itemStyle: {color: c.color}, lineStyle: {color: c.color, width: 1.5}, data: c.curve})),
  }, true);
}

// ---- parallel coordinates ----
const optionKeys = new Set();
for (const p of data.points) for (const key of Object.keys(p.options)) optionKeys.add(key);
const axes = [...optionKeys].slice(0, 8)
  .map(key => ({key, option: true})).concat(objectives.map(o => ({key: o.metric, option: false})));
function drawParallel() {
  const words = axes.map(a => a.option
    ? [...new Set(data.points.map(p => p.options[a.key] ?? "–"))] : null);
  const numeric = words.map(list => list && list.every(w => w === "–" || !isNaN(Number(w))));
  words.forEach((list, i) => {
    if (list && numeric[i]) list.sort((a, b) => (a === "–" ? -Infinity : a) - (b === "–" ? -Infinity : b));
  });
  parallel.setOption({
    animation: false,
    parallel: {left: 40, right: 90, top: 34, bottom: 22, axisExpandable: false},
    parallelAxis: axes.map((a, i) => ({
      dim: i, name: a.option ? a.key : title(a.key), nameTextStyle: {color: css("--ink"), fontSize: 11},
      axisLine: {lineStyle: {color: css("--line")}},
      axisLabel: {color: css("--ink"), fontSize: 10, textBorderColor: css("--card"),
        textBorderWidth: 3, width: 96, overflow: "truncate", formatter: v => a.option ? v : format(a.key, v)},
      ...(a.option ? {type: "category", data: words[i]} : {type: "value", scale: true}),
    })),
    series: [{type: "parallel", lineStyle: {width: 1.4, opacity: .8}, inactiveOpacity: .06,
      activeOpacity: .9,
      data: finished.map(p => ({point: p.point,
        value: axes.map(a => a.option ? p.options[a.key] ?? "–" : value(p, a.key)),
        lineStyle: {color: p.point === data.knee ? css("--knee") : p.front ? css("--front") : css("--rest"),
          width: p.front ? 2 : 1}}))}],
  }, true);
}
parallel.on("axisareaselected", () => {
  const chosen = parallel.getModel().getSeries()[0].getRawIndicesByActiveState("active");
  const any = parallel.getModel().getSeries()[0].getRawIndicesByActiveState("inactive").length;
  brushed = any ? new Set(chosen.map(i => finished[i].point)) : null;
  drawTable();
});

function visible() {
  const words = $("filter").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const column = columns.find(c => c.key === sorting.key), sign = sorting.up ? 1 : -1;
  const text = p => (p.label + " " + Object.entries(p.options).flat().join(" ")).toLowerCase();
  return data.points
    .filter(p => (!brushed || brushed.has(p.point)) && words.every(w => text(p).includes(w)))
    .sort((a, b) => {
      const u = column.get(a), v = column.get(b);
      if (u === null || v === null) return (u === null) - (v === null);
      return (u < v ? -1 : u > v ? 1 : a.point - b.point) * sign;
    });
}
function drawTable() {
  const rows = visible(), most = 500;
  $("count").textContent = `${rows.length} of ${data.points.length}` +
    (rows.length > most ? `; the first ${most} are shown` : "");
  $("table").tHead.innerHTML = "<tr>" + columns.map(c => `<th data-key="${escape(c.key)}" title="${escape(c.help || "")}"` +
    (c.key === sorting.key ? ` aria-sort="${sorting.up ? "ascending" : "descending"}"` : "") +
    `>${escape(c.title)}</th>`).join("") + "</tr>";
  $("table").tBodies[0].innerHTML = rows.slice(0, most).map(p =>
    `<tr data-point="${p.point}" class="${p.front ? "front" : ""} ${p.point === data.knee ? "knee" : ""} ` +
    `${fixed.has(p.point) ? "fixed" : ""}">` + columns.map(c =>
      `<td>${escape(c.show ? c.show(p) : c.get(p))}</td>`).join("") + "</tr>").join("");
}
$("table").onclick = event => {
  const head = event.target.closest("th"), row = event.target.closest("tbody tr");
  if (head) {
    sorting = {key: head.dataset.key, up: sorting.key === head.dataset.key ? !sorting.up : true};
    drawTable();
  } else if (row) toggle(Number(row.dataset.point));
};
$("filter").oninput = drawTable;
$("csv").onclick = () => {
  const quote = v => `"${String(v ?? "").replace(/"/g, '""')}"`;
  const lines = [columns.map(c => quote(c.title)).join(",")]
    .concat(visible().map(p => columns.map(c => quote(c.get(p))).join(",")));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], {type: "text/csv"}));
  link.download = data.name + ".csv";
  link.click();
};

// ---- the rest ----
function pointsThrough(row) {
  return data.points.filter(p => p.stages.some(rows => rows.includes(row)))
    .map(p => `${p.point} (${p.label})`);
}
function drawFailures() {
  const failed = data.stages.filter(s => s.state === "failed");
  const blocked = data.stages.filter(s => s.state === "blocked").length;
  if (!failed.length) return;
  $("failures").hidden = false;
  $("failed").innerHTML = failed.map(s => {
    const last = s.attempts[s.attempts.length - 1], points = pointsThrough(s.row);
    const kind = s.label.startsWith(s.kind) ? "" : s.kind + " ";
    return `<div class="failure"><b>stage ${s.row}: ${escape(kind + s.label)}</b>` +
      (last ? `<br>attempt ${last.attempt}: ${escape(last.reason)}` : "") +
      `<br>needed by ${points.length === 1 ? "point" : "points"} ${escape(points.slice(0, 4).join(", "))}` +
      (points.length > 4 ? ` and ${points.length - 4} more` : "") +
      `<br>again, alone: <code>gridfront stage DIR ${s.row}</code></div>`;
  }).join("") + (blocked ? `<p>${plural(blocked, "stage")} that need${blocked === 1 ? "s" : ""} them ` +
    `${blocked === 1 ? "is" : "are"} blocked.</p>` : "") +
    `<p class="hint">DIR is the folder of these results; gridfront show DIR POINT --log has the logs.</p>`;
}
function origin() {
  const hosts = [...new Set(attempts.map(a => a.host))].sort(), worked = attempts
    .reduce((sum, a) => sum + (a.ended ? a.ended - a.started : 0), 0);
  return [...Object.entries(data.provenance),
    ...(data.program && data.program !== data.provenance.program ? [["report by", data.program]] : []),
    ...(hosts.length ? [["hosts", hosts.slice(0, 8).join(", ") + (hosts.length > 8 ? ", ..." : "")]] : []),
    ...(worked ? [["work", (worked / 3600).toFixed(2) + " h, one stage after the other"]] : [])];
}
function fill() {
  document.title = data.name + ": Pareto front";
  $("name").textContent = data.name;
  $("verdict").innerHTML = verdict();
  $("sweep").textContent = data.sweep;
  $("about").textContent = about();
  $("note").textContent = note();
  $("provenance").innerHTML = origin()
    .map(([k, v]) => `<dt>${escape(k)}</dt><dd>${escape(v)}</dd>`).join("");
  const x = objectives.find(o => o.metric !== "accuracy"), options = chosen => shown.map(m =>
    `<option value="${escape(m.name)}" ${m.name === chosen ? "selected" : ""}>` +
    `${escape(title(m.name))}</option>`).join("");
  $("x").innerHTML = options(x ? x.metric : "bytes");
  $("y").innerHTML = options(objectives.some(o => o.metric === "accuracy") ? "accuracy" : objectives[0].metric);
  const range = finished.map(p => value(p, $("x").value)).filter(v => v > 0);
  $("log").checked = range.length > 0 && Math.max(...range) / Math.min(...range) > 8;
}
// Charts without points say nothing; many axes need the whole width, and on a phone a scroll.
function layOut() {
  if (!finished.length)
    for (const chart of charts) chart.getDom().closest("section").hidden = true;
  $("parallel").style.minWidth = 90 * axes.length + 130 + "px";
  if (axes.length <= 5) return;
  for (const id of ["parallel", "curves"]) $(id).closest("section").classList.add("wide");
  charts.forEach(c => c.resize());
}
function drawAll() {
  drawTable();
  if (!finished.length) return;
  drawScatter(); drawPinned(); drawCurves(); drawParallel();
}
fill();
layOut();
if (data.knee !== null) fixed.add(data.knee);
else if (finished.some(p => p.front)) fixed.add(finished.find(p => p.front).point);
drawFailures();
drawAll();
for (const id of ["x", "y", "log", "only"]) $(id).onchange = drawScatter;
scatter.on("click", p => { if (p.data && p.data.point !== undefined) toggle(p.data.point); });
window.addEventListener("resize", () => charts.forEach(c => c.resize()));
// Paper is light and narrower than most screens.
function paper(on) {
  document.documentElement.classList.toggle("paper", on);
  charts.forEach(c => c.resize({width: on ? 640 : "auto"}));
  drawAll();
}
window.addEventListener("beforeprint", () => paper(true));
window.addEventListener("afterprint", () => paper(false));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
