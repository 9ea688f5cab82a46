/* Loss and accuracy over the steps, for both splits; an earlier run pinned behind them; a part of them close up. */

const SMOOTHING = 0.8; // share of the old value in the running mean
const FLAT = { band: 0.02, share: 0.3, points: 12 }; // a curve within this band for so long a share of it is flat
const LEAST_ZOOM = 6; // px, below which a drag is a click

function curvePlots(view, panel) {
  const { arrays, header } = view;
  const pair = (name) => [arrays[`curve_train_${name}`], arrays[`curve_val_${name}`]];
  const gap = 10;
  const several = header.task === "classification";
  const width = several ? (panel.width - gap) / 2 : panel.width;
  const box = (k) => ({ x: k * (width + gap) + 34, y: 22, width: width - 40, height: panel.height - 22 - 18 });
  const pinned = (name) => view.pinned?.[name] ?? [];
  const plots = [{ name: "Loss", series: pair("loss"), pinned: pinned("loss"), box: box(0), log: view.logLoss }];
  if (several) {
    plots.push({ name: "Accuracy", series: pair("accuracy"), pinned: pinned("accuracy"), box: box(1), percent: true });
  }
  return plots;
}

/** The steps from the first to the last that the plots show. */
function stepRange(view, steps) {
  const first = steps[0] ?? 0;
  const last = Math.max(steps.at(-1) ?? 1, view.pinned?.steps.at(-1) ?? 0, first + 1);
  if (view.zoom && view.zoom[0] >= last) view.zoom = null; // a new run has begun
  return view.zoom ?? [first, last];
}

function valueRange({ series, pinned, log, percent }, steps, pinnedSteps, [first, last], close) {
  let [low, high] = [Infinity, -Infinity];
  const look = (values, at) => {
    for (let k = 0; k < (values?.length ?? 0); k += 1) {
      const value = values[k];
      if (!Number.isFinite(value) || (log && value <= 0) || at[k] < first || at[k] > last) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  };
  for (const values of series) look(values, steps);
  for (const values of pinned) look(values, pinnedSteps);
  if (low > high) return log ? [0.1, 1] : [0, 1];
  const margin = 0.06 * (high - low) || 0.01;
  if (close && !log) return [low - margin, high + margin];
  if (percent) return [Math.min(0.9, Math.floor(low * 10) / 10), 1];
  if (log) return [low / 1.15, high * 1.15];
  return [Math.min(0, low), high * 1.05 || 1];
}

function plotScales(view, plot, steps) {
  const { box, log } = plot;
  const range = stepRange(view, steps);
  const [first, last] = range;
  const [low, high] = valueRange(plot, steps, view.pinned?.steps ?? [], range, Boolean(view.zoom));
  const place = log
    ? linear(Math.log(low), Math.log(high), box.y + box.height, box.y)
    : linear(low, high, box.y + box.height, box.y);
  return {
    x: linear(first, last, box.x, box.x + box.width),
    y: log ? (value) => place(Math.log(value)) : place,
    xTicks: niceTicks(first, last, box.width > 220 ? 6 : 3),
    yTicks: log ? logTicks(low, high) : niceTicks(low, high, 4),
  };
}

function drawCurves(view, panel, context) {
  const steps = view.arrays.curve_step ?? [];
  panel.plots = curvePlots(view, panel);
  for (const plot of panel.plots) {
    plot.scales = plotScales(view, plot, steps);
    drawPlot(view, context, plot, steps);
  }
  drawCurvesLegend(view, context, panel);
  if (view.focus?.panel === "curves") drawCrosshair(view, context, panel, steps);
}

function drawPlot(view, context, plot, steps) {
  const { theme } = view;
  const { box, scales } = plot;
  write(context, theme, plot.name, box.x, 8, { colour: theme.text, weight: 600 });
  const format = (value, axis) => (axis === "y" && plot.percent ? `${Math.round(value * 100)}%` : formatTick(value));
  drawAxes(context, theme, box, placeTicks(scales.xTicks, scales.x), placeTicks(scales.yTicks, scales.y), format, true);
  fillLine(context, theme.line, box.x, box.y + box.height, box.width, 0);
  const styles = curveStyles(theme);
  context.save();
  context.beginPath();
  context.rect(box.x, box.y - 2, box.width + 2, box.height + 3);
  context.clip();
  const strokeAll = (series, at, shape) =>
    series.forEach((values, k) => values && strokeCurve(context, at, shape(values), scales, styles[k], plot.log));
  context.globalAlpha = 0.35;
  if (view.pinned) strokeAll(plot.pinned, view.pinned.steps, view.smooth ? smoothed : (values) => values);
  context.globalAlpha = view.smooth ? 0.3 : 1;
  strokeAll(plot.series, steps, (values) => values);
  context.globalAlpha = 1;
  if (view.smooth) strokeAll(plot.series, steps, smoothed);
  context.restore();
  if (view.header.now != null) markMoment(view, context, plot);
  if (view.pinned) markPinned(view, context, plot);
  if (plot.name === "Loss" && view.header.status === "diverged") markDivergence(view, context, plot, steps);
  else if (plot.name === "Loss") markFlat(view, context, plot, steps);
  if (view.brush && view.brush.plot === plot.name) {
    const [from, to] = [view.brush.from, view.brush.to].sort((a, b) => a - b);
    context.globalAlpha = 0.15;
    context.fillStyle = theme.text;
    context.fillRect(from, box.y, to - from, box.height);
    context.globalAlpha = 1;
  }
}

/** A running mean that forgets; gaps stay gaps. */
function smoothed(values) {
  let [mean, weight] = [0, 0];
  return Array.from(values, (value) => {
    if (!Number.isFinite(value)) return Number.NaN;
    mean = SMOOTHING * mean + (1 - SMOOTHING) * value;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return mean / weight;
  });
}

function markPinned({ theme, pinned }, context, { box, scales, pinned: [values] }) {
  let last = (values?.length ?? 0) - 1;
  while (last >= 0 && !Number.isFinite(values[last])) last -= 1;
  if (last < 0) return;
  const x = clamp(scales.x(pinned.steps[last]), box.x, box.x + box.width);
  const y = clamp(scales.y(values[last]) - 7, box.y + 5, box.y + box.height - 5);
  const left = x > box.x + box.width / 2;
  write(context, theme, pinned.label, x + (left ? -2 : 2), y, { align: left ? "right" : "left", size: 10, halo: true });
}

/** Where the page looks back to: what came after it is still there, and pale. */
function markMoment({ theme, header }, context, { box, scales }) {
  const x = clamp(scales.x(header.step), box.x, box.x + box.width);
  context.fillStyle = rgb(theme.background, 0.65);
  context.fillRect(x, box.y, box.x + box.width - x, box.height);
  fillLine(context, theme.text, x, box.y, 0, box.height);
  const left = x > box.x + box.width / 2;
  const words = { align: left ? "right" : "left", colour: theme.text, size: 10, weight: 600, halo: true };
  write(context, theme, `looking back at ${formatTick(header.step)}`, x + (left ? -4 : 4), box.y + box.height - 7, words);
}

/** The index from which a curve has stayed within a narrow band until its end; -1 if it still moves. */
function flatSince(steps, values) {
  const seen = [...values.keys()].filter((k) => Number.isFinite(values[k]));
  if (seen.length < FLAT.points) return -1;
  const finite = seen.map((k) => values[k]);
  const whole = Math.max(...finite) - Math.min(...finite);
  const level = finite.slice(-5).sort((a, b) => a - b)[2];
  let from = seen.length;
  while (from > 0 && Math.abs(finite[from - 1] - level) <= FLAT.band * whole) from -= 1;
  const length = steps.at(-1) - steps[0];
  if (from === 0 || from >= seen.length || steps.at(-1) - steps[seen[from]] < FLAT.share * length) return -1;
  return seen[from];
}

function markFlat({ theme }, context, { series, box, scales }, steps) {
  const k = series[0] ? flatSince(steps, series[0]) : -1;
  const x = k < 0 ? -1 : scales.x(steps[k]);
  if (x < box.x || x > box.x + box.width) return;
  context.beginPath();
  context.moveTo(x, box.y);
  context.lineTo(x, box.y + box.height);
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  context.setLineDash([2, 3]);
  context.stroke();
  context.setLineDash([]);
  const left = x > box.x + box.width / 2;
  const words = { align: left ? "right" : "left", size: 10, halo: true };
  write(context, theme, `flat since ${formatTick(steps[k])}`, x + (left ? -4 : 4), box.y + 6, words);
}

// -- switches, pin and zoom ----------------------------------------------------------------------------------------

function buildCurveSwitches(view) {
  const box = element("div", "pg-curve-switches", view.panels.curves.box, { role: "toolbar", "aria-label": "The curves" });
  const make = (name, text, title, toggle) => {
    const button = element("button", "pg-log", box, { type: "button", "aria-pressed": "false", title, "data-name": name });
    setText(button, text);
    button.onclick = () => {
      toggle();
      markCurveSwitches(view);
      schedule(view, ["curves"]);
    };
    return button;
  };
  const toggle = (name) => () => (view[name] = !view[name]);
  view.curveButtons = [
    make("logLoss", "log", "Logarithmic loss axis", toggle("logLoss")),
    make("smooth", "smooth", "A running mean over the curves", toggle("smooth")),
    make("pinned", "pin", "Keep the present curves behind those to come", () => {
      view.pinned = view.pinned ? null : pinCurves(view);
      if (view.pinned) send(view, "pin", { what: "pin" });
    }),
  ];
}

function markCurveSwitches(view) {
  for (const button of view.curveButtons) button.setAttribute("aria-pressed", String(Boolean(view[button.dataset.name])));
  view.root.dataset.pinned = view.pinned?.label ?? "";
}

/** A copy of the present curves. */
function pinCurves({ arrays }) {
  if (!arrays.curve_step?.length) return null;
  const pair = (name) => [arrays[`curve_train_${name}`], arrays[`curve_val_${name}`]].map((values) => values?.slice());
  return { steps: arrays.curve_step.slice(), loss: pair("loss"), accuracy: pair("accuracy"), label: "pinned" };
}

/** When a run goes on from an earlier moment, its course until now stays behind the new one, to be compared. */
function pinBeforeFork(view, fresh) {
  const old = view.header;
  if (old?.now == null || fresh.now != null || fresh.run !== old.run) return;
  if ((fresh.forks ?? 0) <= (old.forks ?? 0)) return; // begun anew, or back in the present
  view.pinned = pinCurves(view);
  if (view.pinned) view.pinned.label = `before the fork at ${formatTick(old.step)}`;
  markCurveSwitches(view);
}

function pressCurves(view, panel, event) {
  const focus = hitCurves(view, panel, event.offsetX, event.offsetY);
  if (!focus || event.pointerType === "touch") return;
  const { box, name } = panel.plots[focus.plot];
  const from = clamp(event.offsetX, box.x, box.x + box.width);
  view.brush = { plot: name, from, to: from };
  panel.canvas.setPointerCapture(event.pointerId);
}

function dragCurves(view, panel, event) {
  if (!view.brush) return false;
  const { box } = panel.plots.find(({ name }) => name === view.brush.plot) ?? panel.plots[0];
  view.brush.to = clamp(event.offsetX, box.x, box.x + box.width);
  schedule(view, ["curves"]);
  return Math.abs(view.brush.to - view.brush.from) >= LEAST_ZOOM;
}

/** The part of the steps that was dragged over, which stays in view whatever comes. */
function releaseCurves(view, panel) {
  const { brush } = view;
  view.brush = null;
  schedule(view, ["curves"]);
  if (!brush || Math.abs(brush.to - brush.from) < LEAST_ZOOM) return;
  const plot = panel.plots.find(({ name }) => name === brush.plot) ?? panel.plots[0];
  const [first, last] = stepRange(view, view.arrays.curve_step ?? []);
  const at = (x) => first + ((x - plot.box.x) / plot.box.width) * (last - first);
  zoomTo(view, ...[at(brush.from), at(brush.to)].sort((a, b) => a - b));
}

function zoomTo(view, from, to) {
  if (to - from >= 1) view.zoom = [from, to];
  schedule(view, ["curves"]);
}

function unzoom(view) {
  view.zoom = null;
  schedule(view, ["curves"]);
}

/** Plus and minus zoom around the cursor; true if the key was one of them. */
function zoomByKey(view, key) {
  const factor = { "+": 0.5, "=": 0.5, "-": 2 }[key];
  if (!factor || view.focus?.panel !== "curves") return false;
  const [first, last] = stepRange(view, view.arrays.curve_step ?? []);
  const { u } = view.focus;
  const at = first + u * (last - first);
  const width = factor * (last - first);
  view.zoom = null;
  const [least, most] = stepRange(view, view.arrays.curve_step ?? []);
  if (width < most - least) zoomTo(view, Math.max(least, at - u * width), Math.min(most, at + (1 - u) * width));
  else unzoom(view);
  return true;
}

const curveStyles = (theme) => [
  { colour: theme.text, dash: [] },
  { colour: theme.validation, dash: [4, 3] },
];

/** A curve with a gap wherever there is no value; a lone value is a dot. */
function strokeCurve(context, steps, values, { x, y }, { colour, dash }, log) {
  context.beginPath();
  let open = false;
  for (let k = 0; k < values.length; k += 1) {
    const shown = Number.isFinite(values[k]) && (!log || values[k] > 0);
    if (shown && open) context.lineTo(x(steps[k]), y(values[k]));
    else if (shown) {
      context.moveTo(x(steps[k]), y(values[k]));
      context.lineTo(x(steps[k]) + 0.5, y(values[k]));
    }
    open = shown;
  }
  context.strokeStyle = colour;
  context.lineWidth = 1.6;
  context.lineJoin = "round";
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}

function markDivergence({ theme }, context, { series, scales, box, log }, steps) {
  const values = series[0] ?? [];
  let last = values.length - 1;
  while (last >= 0 && !(Number.isFinite(values[last]) && (!log || values[last] > 0))) last -= 1;
  if (last < 0) return;
  const [x, y] = [scales.x(steps[last]), scales.y(values[last])];
  context.beginPath();
  context.moveTo(x - 4, y - 4);
  context.lineTo(x + 4, y + 4);
  context.moveTo(x + 4, y - 4);
  context.lineTo(x - 4, y + 4);
  context.strokeStyle = theme.danger;
  context.lineWidth = 2.2;
  context.stroke();
  const left = x > box.x + box.width / 2;
  const words = { align: left ? "right" : "left", colour: theme.danger, size: 10, weight: 600, halo: true };
  write(context, theme, "diverged", x + (left ? -8 : 8), clamp(y, box.y + 6, box.y + box.height - 8), words);
}

function drawCurvesLegend(view, context, panel) {
  const { theme } = view;
  const styles = curveStyles(theme);
  const rows = ["train", panel.width < 400 ? "val" : "validation"].slice(0, hasValidation(view) ? 2 : 1);
  setFont(context, theme, 10);
  let x = panel.width;
  for (let k = rows.length - 1; k >= 0; k -= 1) {
    x -= context.measureText(rows[k]).width;
    write(context, theme, rows[k], x, 8, { size: 10 });
    context.beginPath();
    context.moveTo(x - 18, 8);
    context.lineTo(x - 4, 8);
    context.strokeStyle = styles[k].colour;
    context.lineWidth = 1.8;
    context.setLineDash(styles[k].dash);
    context.stroke();
    context.setLineDash([]);
    x -= 24;
  }
}

function crosshairIndex(view) {
  const steps = view.arrays.curve_step ?? [];
  const [first, last] = stepRange(view, steps);
  return nearestIndex(steps, first + view.focus.u * (last - first));
}

function nearestIndex(steps, target) {
  let best = 0;
  for (let k = 1; k < steps.length; k += 1) {
    if (Math.abs(steps[k] - target) < Math.abs(steps[best] - target)) best = k;
  }
  return best;
}

function drawCrosshair(view, context, panel, steps) {
  const { theme } = view;
  if (!steps.length) return;
  const k = crosshairIndex(view);
  const styles = curveStyles(theme);
  for (const { box, scales, series, log } of panel.plots) {
    const x = scales.x(steps[k]);
    fillLine(context, theme.muted, x, box.y, 0, box.height);
    series.forEach((values, split) => {
      if (!values || !Number.isFinite(values[k]) || (log && values[k] <= 0)) return;
      context.beginPath();
      context.arc(x, scales.y(values[k]), 3, 0, 2 * Math.PI);
      context.fillStyle = styles[split].colour;
      context.fill();
    });
  }
}

function hitCurves(view, panel, x, y) {
  const plot = panel.plots?.find(({ box }) => x >= box.x - 4 && x <= box.x + box.width + 4);
  if (!plot || y < plot.box.y - 4) return null;
  return {
    panel: "curves",
    kind: "step",
    u: clamp((x - plot.box.x) / plot.box.width, 0, 1),
    plot: panel.plots.indexOf(plot),
  };
}

function describeCurves(view, panel) {
  const { arrays, focus } = view;
  const plot = panel.plots[focus.plot] ?? panel.plots[0];
  const k = crosshairIndex(view);
  const step = arrays.curve_step?.[k];
  const lines = [`step ${formatWhole(step)}`];
  const tell = (of, at, words = "") => {
    for (const plot of panel.plots) {
      const format = plot.percent ? formatPercent : formatLoss;
      const values = plot[of].slice(0, hasValidation(view) ? 2 : 1).map((column) => format(column?.[at]));
      lines.push(`${words}${plot.name.toLowerCase()} ${values.join(" / ")}`);
    }
  };
  tell("series", k);
  const { pinned } = view;
  if (pinned && step <= pinned.steps.at(-1)) tell("pinned", nearestIndex(pinned.steps, step), `${pinned.label}: `);
  return { x: plot.box.x + focus.u * plot.box.width, y: plot.box.y + plot.box.height / 2, text: lines.join("\n") };
}
