/* Output for tables with numbers: predicted against true value. */

/** Both axes follow the true values alone, so that they do not move while the predictions do. */
function scatterRange(scatter) {
  let [low, high] = [Infinity, -Infinity];
  for (let k = 0; k < scatter.length; k += 3) {
    low = Math.min(low, scatter[k]);
    high = Math.max(high, scatter[k]);
  }
  const margin = (high - low) * 0.08 || 1;
  return [low - margin, high + margin];
}

function drawScatter(view, panel, context, box) {
  const { theme, arrays } = view;
  const [low, high] = scatterRange(arrays.scatter);
  const toX = linear(low, high, box.x, box.x + box.width);
  const toY = linear(low, high, box.y + box.height, box.y);
  const ticks = niceTicks(low, high, 5);
  drawAxes(context, theme, box, placeTicks(ticks, toX), placeTicks(ticks, toY), formatTick, true);
  drawFrame(context, theme, box);
  drawDiagonal(context, theme, box);
  drawScatterPoints(view, context, box, toX, toY);
  write(context, theme, "true", box.x + box.width - 4, box.y + box.height - 8, { align: "right", size: 10 });
  write(context, theme, "predicted", box.x + 5, box.y + 9, { size: 10 });
  drawSplitLegend(view, context, box, box.y + 6, rgb(theme.blue));
  drawWorstValues(view, context, box);
}

function drawDiagonal(context, theme, box) {
  context.beginPath();
  context.moveTo(box.x, box.y + box.height);
  context.lineTo(box.x + box.width, box.y);
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.stroke();
}

function drawScatterPoints({ theme, arrays }, context, box, toX, toY) {
  const { scatter } = arrays;
  for (const split of [0, 1]) {
    context.beginPath();
    for (let k = 0; k < scatter.length; k += 3) {
      if (scatter[k + 2] !== split || !Number.isFinite(scatter[k + 1])) continue;
      shapePath(context, 0, toX(scatter[k]), clamp(toY(scatter[k + 1]), box.y, box.y + box.height), split ? 2.4 : 2.8);
    }
    paintMarks(context, theme, rgb(theme.blue), split === 1);
  }
}

function drawWorstValues({ theme, header }, context, box) {
  if (!header.worst?.length) return;
  const x = legendX(box);
  const top = box.y + 52;
  write(context, theme, "Furthest off", x, top, { colour: theme.text, weight: 600, room: 74 });
  header.worst.slice(0, 6).forEach(({ true: truth, predicted }, k) => {
    write(context, theme, `${formatTick(truth)} → ${formatTick(predicted)}`, x, top + 16 * (k + 1), { room: 74 });
  });
}

function describeScatter({ arrays, focus }) {
  const { scatter } = arrays;
  const [low, high] = scatterRange(scatter);
  const at = [low + focus.u * (high - low), high - focus.v * (high - low)];
  const near = (high - low) * 0.03;
  let best = { distance: near };
  for (let k = 0; k < scatter.length; k += 3) {
    const distance = Math.hypot(scatter[k] - at[0], scatter[k + 1] - at[1]);
    if (distance < best.distance) best = { distance, k };
  }
  if (best.k === undefined) return `true ${formatShort(at[0])}, predicted ${formatShort(at[1])}`;
  const split = scatter[best.k + 2] ? "validation" : "training";
  return `${split} sample\ntrue ${formatShort(scatter[best.k])}, predicted ${formatShort(scatter[best.k + 1])}`;
}
