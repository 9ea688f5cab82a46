/* One sample on its way through the network: where it stands, the values of all units, its loss. */

const SAME_PLACE = 8; // px within which a click ends the trace instead of moving it

/** Traces the place of a focus in the output; a second time on the same place ends it. */
function toggleTrace(view, focus) {
  const { header } = view;
  if (focus?.kind !== "place" || !header.domain || (header.view === "plane" && isBent(view))) return;
  const [low, high] = header.domain;
  const place = [low + focus.u * (high - low), high - focus.v * (high - low)];
  if (header.view === "line") place[1] = 0;
  const { field } = view.panels.output;
  const old = header.trace && placeOfTrace(header, field);
  const [x, y] = [field.x + focus.u * field.width, field.y + focus.v * field.height];
  const same = old && Math.abs(old.x - x) < SAME_PLACE && (header.view === "line" || Math.abs(old.y - y) < SAME_PLACE);
  send(view, "trace", { what: "trace", place: same ? null : place });
}

function endTrace(view) {
  if (view.header.trace) send(view, "trace", { what: "trace", place: null });
}

function placeOfTrace({ trace, domain }, box) {
  const [low, high] = domain;
  const toX = linear(low, high, box.x, box.x + box.width);
  const toY = linear(low, high, box.y + box.height, box.y);
  return { x: toX(trace.at[0]), y: trace.at.length > 1 ? toY(trace.at[1]) : null };
}

function drawTraceMark({ theme, header }, context, box) {
  if (!header.trace) return;
  const { x, y } = placeOfTrace(header, box);
  if (y == null) {
    fillLine(context, theme.text, x, box.y, 0, box.height);
    return;
  }
  drawRing(context, theme, x, y, 7);
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 7 * dx, y + 7 * dy);
    context.lineTo(x + 12 * dx, y + 12 * dy);
  }
  context.stroke();
}

/** The values of all units under their tiles. */
function drawTraceValues({ theme, header }, context, places) {
  if (!header.trace) return;
  places.forEach(({ x, size, ys, step }, c) => {
    const values = header.trace.values[c];
    if (!values || step < 19) return;
    ys.forEach((y, unit) => {
      const text = isNumber(values[unit]) ? formatValue(values[unit]) : NONE;
      setFont(context, theme, 10, 600);
      const width = context.measureText(text).width + 6;
      const top = y + size / 2 - 9;
      context.fillStyle = rgb(theme.background, 0.88);
      context.fillRect(x - width / 2, top, width, 12);
      write(context, theme, text, x, top + 6.5, { align: "center", colour: theme.text, size: 10, weight: 600 });
    });
  });
}

const formatValue = (value) => (Math.abs(value) < 1000 ? value.toFixed(Math.abs(value) < 10 ? 3 : 1) : formatShort(value));

function traceTitle({ header }) {
  const { trace } = header;
  const output = trace.values.at(-1);
  const parts = [];
  if (trace.chances && isBinary(header)) parts.push(`p(${className(header, 1)}) = ${formatShort(trace.chances[1])}`);
  else if (trace.chances) {
    const best = trace.chances.indexOf(Math.max(...trace.chances));
    parts.push(`${className(header, best)}, p = ${formatShort(trace.chances[best])}`);
  } else parts.push(`predicts ${formatShort(output[0])}`);
  if (trace.split) parts.push(header.task === "classification" ? `is ${className(header, trace.true)}` : `is ${formatShort(trace.true)}`);
  if (isNumber(trace.loss)) parts.push(`loss ${formatLoss(trace.loss)}`);
  return parts.join(" · ");
}

/** What a unit does with the traced sample: the sum before its activation, where all of its inputs are shown. */
function describeTraced({ header, arrays }, { column, unit }) {
  const { trace, columns } = header;
  const value = trace?.values[column]?.[unit];
  if (!isNumber(value)) return [];
  const weights = arrays[`weight_${column}`];
  const before = trace.values[column - 1];
  if (!weights || columns[column - 1].units > columns[column - 1].shown) return [`value ${formatShort(value)}`];
  let sum = arrays[`bias_${column}`]?.[unit] ?? 0;
  for (let from = 0; from < weights.shape[1]; from += 1) sum += weights[unit * weights.shape[1] + from] * before[from];
  return [`weights · inputs + bias = ${formatShort(sum)}`, `value ${formatShort(value)}`];
}
