/* Loss and accuracy over the steps, for both splits. */

function curvePlots(view, panel) {
  const { arrays, header } = view;
  const pair = (name) => [arrays[`curve_train_${name}`], arrays[`curve_val_${name}`]];
  const gap = 10;
  const several = header.task === "classification";
  const width = several ? (panel.width - gap) / 2 : panel.width;
  const box = (k) => ({ x: k * (width + gap) + 34, y: 22, width: width - 40, height: panel.height - 22 - 18 });
  const plots = [{ name: "Loss", series: pair("loss"), box: box(0), log: view.logLoss }];
  if (several) plots.push({ name: "Accuracy", series: pair("accuracy"), box: box(1), percent: true });
  return plots;
}

function valueRange({ series, log, percent }) {
  let [low, high] = [Infinity, -Infinity];
  for (const values of series) {
    for (const value of values ?? []) {
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return log ? [0.1, 1] : [0, 1];
  if (percent) return [Math.min(0.9, Math.floor(low * 10) / 10), 1];
  if (log) return [low / 1.15, high * 1.15];
  return [Math.min(0, low), high * 1.05 || 1];
}

function plotScales(plot, steps) {
  const { box, log } = plot;
  const [low, high] = valueRange(plot);
  const first = steps[0] ?? 0;
  const last = Math.max(steps.at(-1) ?? 1, first + 1);
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
    plot.scales = plotScales(plot, steps);
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
  plot.series.forEach((values, k) => values && strokeCurve(context, steps, values, scales, styles[k], plot.log));
  if (view.header.status === "diverged" && plot.name === "Loss") markDivergence(view, context, plot, steps);
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

function crosshairIndex({ arrays, focus }) {
  const steps = arrays.curve_step ?? [];
  const target = steps[0] + focus.u * (steps.at(-1) - steps[0]);
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
  const lines = [`step ${formatWhole(arrays.curve_step?.[k])}`];
  for (const { name, series, percent } of panel.plots) {
    const format = percent ? formatPercent : formatLoss;
    const values = series.slice(0, hasValidation(view) ? 2 : 1).map((column) => format(column?.[k]));
    lines.push(`${name.toLowerCase()} ${values.join(" / ")}`);
  }
  return { x: plot.box.x + focus.u * plot.box.width, y: plot.box.y + plot.box.height / 2, text: lines.join("\n") };
}
