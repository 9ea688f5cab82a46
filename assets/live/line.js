/* Output along a line: the predicted curve over the points. */

function lineScales(view, box) {
  const { line, line_points: points } = view.arrays;
  const values = points?.length ? points.filter((_, k) => k % 3 === 1) : (line ?? []);
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!(low < high)) [low, high] = [-1, 1];
  const margin = (high - low) * 0.2;
  const [left, right] = view.header.domain;
  return {
    x: linear(left, right, box.x, box.x + box.width),
    y: linear(low - margin, high + margin, box.y + box.height, box.y),
    xTicks: niceTicks(left, right, 5),
    yTicks: niceTicks(low - margin, high + margin, 5),
  };
}

function drawLine(view, panel, context, box) {
  const { theme, arrays } = view;
  if (!view.header.domain) return;
  const unit = focusedUnit(view);
  const scales = unit ? unitScales(view, box, unit) : lineScales(view, box);
  drawAxes(
    context,
    theme,
    box,
    placeTicks(scales.xTicks, scales.x),
    placeTicks(scales.yTicks, scales.y),
    formatTick,
    true,
  );
  drawFrame(context, theme, box);
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  if (unit) strokeValues(context, unitValues(view, unit), box, scales.y, rgb(theme.blue), 2);
  else {
    drawLinePoints(view, context, arrays.line_points ?? [], scales);
    strokeValues(context, arrays.line ?? [], box, scales.y, theme.text, 2);
  }
  context.restore();
  if (!unit) drawTraceMark(view, context, box);
  if (!unit) drawLineLegend(view, context, box);
  if (view.focus?.panel === "output")
    fillLine(context, theme.line, box.x + view.focus.u * box.width, box.y, 0, box.height);
}

function unitScales(view, box, { column }) {
  const scale = view.header.columns[column].scale || 1;
  const base = lineScales(view, box);
  return { ...base, y: linear(-scale, scale, box.y + box.height, box.y), yTicks: niceTicks(-scale, scale, 4) };
}

function unitValues({ arrays, header }, { column, unit }) {
  const maps = arrays[`map_${column}`];
  const length = maps.shape[2];
  const scale = header.columns[column].scale || 1;
  return Array.from(maps.subarray(unit * length, (unit + 1) * length), (level) => (level / 127.5 - 1) * scale);
}

function strokeValues(context, values, box, toY, colour, width) {
  context.beginPath();
  let open = false;
  for (let k = 0; k < values.length; k += 1) {
    const finite = Number.isFinite(values[k]);
    const x = box.x + (box.width * k) / (values.length - 1);
    if (finite && open) context.lineTo(x, toY(values[k]));
    else if (finite) context.moveTo(x, toY(values[k]));
    open = finite;
  }
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

function drawLinePoints({ theme }, context, points, scales) {
  for (const split of [0, 1]) {
    context.beginPath();
    for (let k = 0; k < points.length; k += 3) {
      if (points[k + 2] === split)
        shapePath(context, 0, scales.x(points[k]), scales.y(points[k + 1]), split ? 2.4 : 2.8);
    }
    paintMarks(context, theme, rgb(theme.blue), split === 1);
  }
}

function drawLineLegend(view, context, box) {
  const { theme } = view;
  const x = legendX(box);
  fillLine(context, theme.text, x, box.y + 6, 10, 2);
  write(context, theme, "prediction", x + 15, box.y + 7, { room: 58 });
  drawSplitLegend(view, context, box, box.y + 23, rgb(theme.blue));
}

function describeLine({ header, arrays, focus }) {
  if (!header.domain || !arrays.line) return "";
  const [low, high] = header.domain;
  const x = low + focus.u * (high - low);
  const value = arrays.line[Math.round(focus.u * (arrays.line.length - 1))];
  return `x ${x.toFixed(2)}\npredicts ${formatShort(value)}`;
}
