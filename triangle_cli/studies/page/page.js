"use strict";
// The page's own script: what is chosen by whoever reads it. Charts are plotly's; data come from `content.py`.
const data = JSON.parse(document.getElementById("data").textContent);
const get = (id) => document.getElementById(id);
// Okabe and Ito's colours, lighter on a dark page
const LIGHT = ["#0072B2", "#E69F00", "#000000", "#CC79A7", "#009E73", "#D55E00", "#56B4E9", "#999999"];
const DARK = ["#56B4E9", "#E69F00", "#F2F2F2", "#E3A3C6", "#2BC79A", "#F0803C", "#9AD0F5", "#999999"];
const [BLUE, RED] = [0, 5]; // their places
const dark = matchMedia("(prefers-color-scheme: dark)");
let printing = false;
const DASHES = ["solid", "dash", "dashdot", "dot", "longdash", "longdashdot"];
const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star"];
const MOST_LINES = 30; // runs with a line each over the epochs; more are drawn as groups
const MOST_HUES = 24;
const PRINTED = 660; // pixels across a sheet of paper
const state = { kept: data.rows.map((_, i) => i), sort: null, down: false, run: 0, piece: null };
const seen = {}; // what plots and tests know of the charts

// ---- words and numbers

function text(value) {
  if (value === null || value === undefined) return "-";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return Number.isInteger(value) ? String(value) : String(+value.toPrecision(4));
}

// plotly takes text for a small HTML: nothing of a user's is
const safe = (value) => text(value).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function unpack(base64, Kind) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  return Array.from(new Kind(bytes.buffer));
}

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = content;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const label = (key) => (data.columns.find((column) => column.key === key) || { label: key }).label;
const nameOf = (i) => {
  const row = data.rows[i];
  const told = data.columns.filter((column) => !column.figure && row[column.key] !== null && row[column.key] !== undefined);
  const said = told.map((column) => (column.number ? `${column.label} ${text(row[column.key])}` : text(row[column.key])));
  return `${said.join(", ") || "run"} (${row.hash})`;
};

// ---- the table

const CONDITION = /^([\w.]+)(<=|>=|!=|==|=|<|>)(.+)$/;

function passes(row, word) {
  const found = CONDITION.exec(word);
  if (found && found[1] in row) {
    const [, key, sign, wanted] = found;
    const value = row[key];
    if (value === null || value === undefined) return false;
    const number = Number(wanted);
    const both = typeof value === "number" && !Number.isNaN(number);
    const [a, b] = both ? [value, number] : [String(value).toLowerCase(), wanted.toLowerCase()];
    return { "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b, "=": a === b, "==": a === b, "!=": a !== b }[sign];
  }
  const lower = word.toLowerCase();
  return Object.values(row).some((value) => value !== null && text(value).toLowerCase().includes(lower));
}

const lines = data.rows.map((row, i) => {
  const line = document.createElement("tr");
  data.columns.forEach((column, place) => {
    const cell = document.createElement(place ? "td" : "th");
    if (!place) cell.scope = "row";
    if (column.number) cell.className = "number";
    if (place) cell.textContent = text(row[column.key]);
    else {
      const button = element("button", text(row[column.key]), { type: "button", title: row.folder, "aria-label": `show the fit of ${nameOf(i)}` });
      button.addEventListener("click", () => { chooseRun(i); get("fit").scrollIntoView(); get("run").focus(); });
      cell.append(button);
    }
    line.append(cell);
  });
  return line;
});

function heads() {
  for (const column of data.columns) {
    const head = element("th", "", { scope: "col", "aria-sort": "none" });
    if (column.number) head.className = "number";
    const button = element("button", column.label, { type: "button" });
    button.addEventListener("click", () => {
      state.down = state.sort === column.key ? !state.down : false;
      state.sort = column.key;
      for (const other of document.querySelectorAll("#table thead th")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      showTable();
    });
    head.append(button);
    document.querySelector("#table thead tr").append(head);
  }
}

function compare(i, j) {
  const [a, b] = [data.rows[i][state.sort], data.rows[j][state.sort]];
  const [no, yes] = [(v) => v === null || v === undefined, typeof a === "number" && typeof b === "number"];
  if (no(a) || no(b)) return no(a) - no(b); // rows without a value last
  return (yes ? a - b : String(a).localeCompare(String(b), "en", { numeric: true })) * (state.down ? -1 : 1);
}

function showTable() {
  const order = state.sort ? [...state.kept].sort((i, j) => compare(i, j) || i - j) : state.kept;
  document.querySelector("#table tbody").replaceChildren(...order.map((i) => lines[i]));
  get("count").textContent = `${order.length} of ${data.rows.length} runs`;
}

function filter() {
  const words = get("filter").value.trim().split(/\s+/).filter(Boolean);
  state.kept = data.rows.map((_, i) => i).filter((i) => words.every((word) => passes(data.rows[i], word)));
  showTable();
  showErrors();
  showEpochs();
}

// ---- charts

function colours() {
  if (printing) return { paper: "#ffffff", ink: "#000000", faint: "#444444", line: "#bbbbbb" };
  const of = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return { paper: of("--paper"), ink: of("--ink"), faint: of("--faint"), line: of("--line") };
}

const palette = () => (dark.matches && !printing ? DARK : LIGHT);

function look(number) {
  const colour = palette()[number % LIGHT.length];
  const dash = DASHES[(number + Math.floor(number / LIGHT.length)) % DASHES.length];
  return { colour, dash, symbol: SYMBOLS[number % SYMBOLS.length] };
}

function layout(more) {
  const { paper, ink, line } = colours();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, exponentformat: "power", automargin: true };
  const base = {
    paper_bgcolor: paper, plot_bgcolor: paper, font: { color: ink, family: "system-ui, sans-serif", size: 13 },
    margin: { l: 70, r: 20, t: 20, b: 50 }, hoverlabel: { align: "left", bgcolor: paper, font: { color: ink } },
    legend: { orientation: "h", y: -0.2 }, dragmode: "zoom",
  };
  for (const key of Object.keys(more)) base[key] = /^[xy]axis/.test(key) ? { ...axis, ...more[key], title: { standoff: 14, ...more[key].title } } : more[key];
  if (printing) base.width = PRINTED;
  return base;
}

function draw(id, traces, more) {
  seen[id] = traces;
  const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
  return Plotly.react(id, traces, layout(more), options);
}

function fill(colour, alpha) {
  const n = parseInt(colour.slice(1), 16);
  return `rgba(${n >> 16},${(n >> 8) & 255},${n & 255},${alpha})`;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// the kept runs by the value of the setting that colours them; the looks stay when others are filtered out
function groups() {
  const key = get("hue").value;
  if (!key) return [{ name: "all runs", look: look(0), runs: state.kept }];
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : 0);
  const all = [...new Set(data.rows.map((row) => row[key] ?? null))].sort(order);
  const made = all.map((value, n) => ({
    name: typeof value === "number" ? `${label(key)} ${text(value)}` : text(value), look: look(n),
    runs: state.kept.filter((i) => (data.rows[i][key] ?? null) === value),
  }));
  return made.filter((group) => group.runs.length);
}

function showErrors() {
  const [x, y, log] = [get("x").value, get("y").value, get("log").checked];
  const numbers = data.rows.every((row) => row[x] === null || row[x] === undefined || typeof row[x] === "number");
  const at = (i) => (numbers ? data.rows[i][x] : safe(data.rows[i][x]));
  const drawn = (i) => data.rows[i][y] !== null && data.rows[i][y] !== undefined && (!log || data.rows[i][y] > 0);
  const traces = [];
  for (const { name, look: own, runs } of groups()) {
    const shown = runs.filter(drawn);
    traces.push({
      type: "scatter", mode: "markers", name: safe(name), x: shown.map(at), y: shown.map((i) => data.rows[i][y]), customdata: shown,
      text: shown.map((i) => safe(nameOf(i))), hovertemplate: `%{text}<br>${safe(label(y))} %{y:.3g}<extra></extra>`,
      marker: { color: own.colour, symbol: own.symbol, size: 8, opacity: 0.75 }, legendgroup: name,
    });
    const places = [...new Set(shown.map(at))];
    if (numbers && places.length > 1) {
      places.sort((a, b) => a - b);
      traces.push({
        type: "scatter", mode: "lines", x: places, y: places.map((p) => median(shown.filter((i) => at(i) === p).map((i) => data.rows[i][y]))),
        line: { color: own.colour, dash: own.dash, width: 1.5 }, legendgroup: name, showlegend: false, hoverinfo: "skip",
      });
    }
  }
  const floors = /mse/.test(y) ? state.kept.filter((i) => data.floors[i] > 0 && data.rows[i][x] !== null) : [];
  if (floors.length) {
    const pairs = [...new Map(floors.map((i) => [`${at(i)} ${data.floors[i]}`, i])).values()];
    traces.push({
      type: "scatter", mode: "markers", name: "floor: least of any 2<sup>depth</sup> pieces", x: pairs.map(at), y: pairs.map((i) => data.floors[i]),
      text: pairs.map((i) => safe(data.rows[i].function)), hovertemplate: "floor %{y:.3g}, %{text}<extra></extra>",
      marker: { symbol: "line-ew-open", size: 16, color: colours().faint, line: { width: 2, color: colours().faint } },
    });
  }
  draw("errors-plot", traces, {
    xaxis: { title: { text: safe(label(x)) }, type: numbers ? "linear" : "category", tickmode: numbers && new Set(data.rows.map((r) => r[x])).size < 12 ? "array" : "auto", tickvals: [...new Set(data.rows.map((r) => r[x]))].filter((v) => v !== null) },
    yaxis: { title: { text: safe(label(y)) }, type: log ? "log" : "linear" },
  });
  const values = state.kept.filter(drawn).map((i) => data.rows[i][y]);
  get("errors-caption").textContent = values.length
    ? `${label(y)} of ${values.length === 1 ? "one run" : `${values.length} runs`} against ${label(x)}: from ${text(Math.min(...values))} to ${text(Math.max(...values))}, median ${text(median(values))}. ${numbers ? "Lines join medians. " : ""}A click on a point shows the run's fit.`
    : "No run is left to draw.";
}

const curveOf = (name, i) => {
  const packed = data.curves[name][i];
  if (packed && !packed.read) for (const key of Object.keys(packed)) packed[key] = unpack(packed[key], Float32Array);
  if (packed) packed.read = true;
  return packed;
};

function epochTraces(name) {
  const traces = [];
  const many = state.kept.length > MOST_LINES;
  for (const { name: called, look: own, runs } of groups()) {
    const whole = runs.map((i) => [i, curveOf(name, i)]).filter(([, curve]) => curve);
    const line = { color: own.colour, dash: own.dash, width: 2 };
    if (!many) {
      whole.forEach(([i, curve], n) => {
        const common = { type: "scatter", mode: "lines", x: curve.epoch, legendgroup: called };
        traces.push({ ...common, y: curve.max, line: { width: 0 }, showlegend: false, hoverinfo: "skip" });
        traces.push({ ...common, y: curve.min, line: { width: 0 }, fill: "tonexty", fillcolor: fill(own.colour, 0.12), showlegend: false, hoverinfo: "skip" });
        traces.push({ ...common, y: curve.median, line, name: safe(called), showlegend: n === 0, text: safe(nameOf(i)), hovertemplate: `%{text}<br>epoch %{x}: %{y:.3g}<extra></extra>` });
      });
    } else if (whole.length) {
      const at = new Map();
      for (const [, curve] of whole) curve.epoch.forEach((epoch, k) => at.set(epoch, [...(at.get(epoch) || []), curve.median[k]]));
      const epochs = [...at.keys()].sort((a, b) => a - b);
      traces.push({ type: "scatter", mode: "lines", x: epochs, y: epochs.map((e) => median(at.get(e))), line, name: `${safe(called)} (${whole.length} runs)`, hovertemplate: `${safe(called)}<br>epoch %{x}: %{y:.3g}<extra></extra>` });
    }
  }
  return traces;
}

function showEpochs() {
  const losses = epochTraces("loss");
  const regions = epochTraces("linear_regions");
  draw("loss-plot", losses, { xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: "training loss" }, type: "log" } });
  draw("regions-plot", regions, { xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: "linear regions" }, rangemode: "tozero" } });
  get("regions-plot").hidden = !regions.length;
  get("epochs-caption").textContent = state.kept.length > MOST_LINES
    ? `Training loss and linear regions: the median over the runs of each group of the median over their restarts. A filter that leaves ${MOST_LINES} runs or fewer shows each of them.`
    : "Training loss and linear regions: a line per run, the median over its restarts; bands from the least to the greatest.";
}

// ---- the fit of one run

function fitOf(i) {
  const fit = data.fits[i];
  if (fit.reason || fit.read) return fit;
  for (const [key, Kind] of [["x", Float64Array], ["y", Float64Array], ["error", Float32Array], ["largest", Float32Array]]) fit[key] = unpack(fit[key], Kind);
  fit.pieces = fit.x.length - 1;
  fit.read = true;
  return fit;
}

function pieceOf(fit, k) {
  const [x0, x1] = [fit.x[k], fit.x[k + 1]];
  return { x0, x1, slope: (fit.y[k + 1] - fit.y[k]) / (x1 - x0), largest: fit.largest[k] };
}

const digits = (value, n = 6) => String(+value.toPrecision(n));

function tellPiece(fit, k) {
  const { x0, x1, slope, largest } = pieceOf(fit, k);
  return `piece ${k + 1} of ${fit.pieces}: x from ${digits(x0, 9)} to ${digits(x1, 9)}, slope ${digits(slope)}, largest error ${largest.toExponential(2)}`;
}

function showFit() {
  const fit = fitOf(state.run);
  const has = !fit.reason;
  for (const id of ["pieces-controls", "pieces-details", "piece"]) get(id).hidden = !has;
  get("fit-plot").hidden = !has;
  get("fit-picture").hidden = has || !fit.picture;
  if (!has) {
    if (fit.picture) Object.assign(get("fit-picture"), { src: fit.picture, alt: `the picture of ${nameOf(state.run)}` });
    get("fit-caption").textContent = `${nameOf(state.run)}: ${fit.reason}. ${fit.picture ? "" : `Its picture: ${data.rows[state.run].folder}/fit.png`}`;
    return;
  }
  const target = data.targets[fit.target];
  if (!target.read) Object.assign(target, { x: unpack(target.x, Float64Array), y: unpack(target.y, Float64Array), read: true });
  const n = fit.samples;
  const [x, y, error, told] = [[], [], [], []];
  for (let k = 0; k < fit.pieces; k++) {
    for (let part = 0; part <= n; part++) { // the ends of a piece as well, so that the nearest point is always its own
      const share = part / n;
      x.push(fit.x[k] + share * (fit.x[k + 1] - fit.x[k]));
      y.push(fit.y[k] + share * (fit.y[k + 1] - fit.y[k]));
      error.push(fit.error[n * k + part]);
      const { x0, x1, slope, largest } = pieceOf(fit, k);
      told.push(`piece ${k + 1} of ${fit.pieces}<br>x from ${digits(x0)} to ${digits(x1)}<br>slope ${digits(slope)}<br>error here ${fit.error[n * k + part].toExponential(2)}, at most ${largest.toExponential(2)}`);
    }
  }
  const { ink, faint } = colours();
  const [blue, red] = [palette()[BLUE], palette()[RED]];
  const kinks = fit.x.slice(1, -1).map((_, k) => k + 1);
  const dots = { type: "scatter", mode: "markers", hoverinfo: "skip", marker: { color: red, size: fit.pieces > 300 ? 3 : 6 } };
  draw("fit-plot", [
    { type: "scatter", mode: "lines", name: `target: ${safe(data.rows[state.run].function)}`, x: target.x, y: target.y, line: { color: faint, width: 6 }, opacity: 0.45, hoverinfo: "skip" },
    { type: "scatter", mode: "lines", name: "fit", x, y, text: told, hovertemplate: "%{text}<extra></extra>", line: { color: blue, width: 2 } },
    { ...dots, name: "breakpoints", x: kinks.map((k) => fit.x[k]), y: kinks.map((k) => fit.y[k]) },
    { type: "scatter", mode: "lines", name: "fit - target", x, y: error, yaxis: "y2", text: told, hovertemplate: "%{text}<extra></extra>", line: { color: blue, width: 1.2 }, showlegend: false },
    { ...dots, x: kinks.map((k) => fit.x[k]), y: kinks.map((k) => fit.error[n * k]), yaxis: "y2", showlegend: false },
  ], {
    xaxis: { title: { text: "x" }, anchor: "y2", range: zoom(fit)?.x },
    yaxis: { title: { text: "y" }, domain: [0.42, 1], range: zoom(fit)?.y },
    yaxis2: { title: { text: "fit - target" }, domain: [0, 0.34], zerolinecolor: ink, range: zoom(fit)?.error },
    hovermode: "x", hoverdistance: -1, legend: { orientation: "h", y: 1.06, x: 0 }, uirevision: `${state.run} ${state.piece}`,
  });
  const floor = data.floors[state.run];
  const best = data.rows[state.run].mse_min;
  get("fit-caption").textContent = `${nameOf(state.run)}: restart ${fit.restart} after ${fit.stage}, ${fit.pieces} linear pieces${best ? `, least MSE of the run ${text(best)}` : ""}${floor ? `; floor, the least of any 2^depth pieces: ${text(floor)}` : ""}. Drag to zoom, double-click for the whole.`;
  get("piece").textContent = state.piece === null ? "" : tellPiece(fit, state.piece);
  showPieces(fit);
}

function zoom(fit) {
  if (state.piece === null) return undefined;
  const { x0, x1 } = pieceOf(fit, state.piece);
  const side = 0.25 * (x1 - x0);
  const around = (values) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const space = 0.15 * (high - low || 1e-12);
    return [low - space, high + space];
  };
  const error = fit.error.slice(fit.samples * state.piece, fit.samples * (state.piece + 1) + 1);
  return { x: [x0 - side, x1 + side], y: around(fit.y.slice(state.piece, state.piece + 2)), error: around([0, ...error]) };
}

function showPieces(fit) {
  const body = document.querySelector("#pieces tbody");
  body.replaceChildren();
  if (!get("pieces-details").open) return;
  for (let k = 0; k < fit.pieces; k++) {
    const { x0, x1, slope, largest } = pieceOf(fit, k);
    const line = document.createElement("tr");
    line.append(element("th", String(k + 1), { scope: "row" }), ...[digits(x0, 9), digits(x1, 9), digits(slope), largest.toExponential(2)].map((cell) => element("td", cell)));
    body.append(line);
  }
}

function choosePiece(k) {
  const fit = fitOf(state.run);
  if (fit.reason) return;
  state.piece = k === null ? null : (k + fit.pieces) % fit.pieces;
  showFit();
}

function chooseRun(i) {
  lines[state.run].classList.remove("chosen");
  lines[i].classList.add("chosen");
  state.run = i;
  state.piece = null;
  get("run").value = String(i);
  showFit();
}

// ---- to begin with

function options(id, keys, chosen, none) {
  const select = get(id);
  if (none) select.append(element("option", none, { value: "" }));
  for (const key of keys) select.append(element("option", label(key), { value: key }));
  if (keys.includes(chosen)) select.value = chosen;
  else if (!none && keys.length) select.value = keys[0];
}

function all() {
  showErrors();
  showEpochs();
  showFit();
}

function begin() {
  heads();
  const few = data.settings.filter((key) => new Set(data.rows.map((row) => row[key])).size <= MOST_HUES);
  const many = data.settings.length ? data.settings : ["depth"];
  const words = few.find((key) => ["method", "init", "schedule"].includes(key)) || few.find((key) => key !== "depth") || "";
  options("y", data.figures, "mse_min");
  options("x", [...many, ...data.figures.filter((key) => ["seconds", "regions"].includes(key))], "depth");
  options("hue", few, words, "none");
  get("log").checked = /mse|floor/.test(get("y").value);
  data.rows.forEach((_, i) => get("run").append(element("option", nameOf(i), { value: String(i) })));
  let waiting;
  get("filter").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 150); });
  for (const id of ["x", "log"]) get(id).addEventListener("change", showErrors);
  get("y").addEventListener("change", () => { get("log").checked = /mse|floor/.test(get("y").value); showErrors(); });
  get("hue").addEventListener("change", () => { showErrors(); showEpochs(); });
  get("run").addEventListener("change", () => chooseRun(Number(get("run").value)));
  get("next").addEventListener("click", () => choosePiece(state.piece === null ? 0 : state.piece + 1));
  get("previous").addEventListener("click", () => choosePiece(state.piece === null ? -1 : state.piece - 1));
  get("whole").addEventListener("click", () => choosePiece(null));
  get("worst").addEventListener("click", () => { const { largest } = fitOf(state.run); choosePiece(largest.indexOf(Math.max(...largest))); });
  get("pieces-details").addEventListener("toggle", () => fitOf(state.run).reason || showPieces(fitOf(state.run)));
  showTable();
  const best = data.rows.map((row, i) => i).filter((i) => !data.fits[i].reason && data.rows[i].mse_min !== null);
  showErrors();
  get("errors-plot").on("plotly_click", (event) => { if (event.points[0].customdata !== undefined) chooseRun(event.points[0].customdata); });
  dark.addEventListener("change", all);
  addEventListener("beforeprint", () => { printing = true; all(); });
  addEventListener("afterprint", () => { printing = false; all(); });
  setTimeout(() => { // what is further down comes once the page is there
    showEpochs();
    chooseRun(best.length ? best.reduce((a, b) => (data.rows[b].mse_min < data.rows[a].mse_min ? b : a)) : 0);
    document.documentElement.dataset.ready = "yes";
  });
}

begin();
