/* Sequences that the network continues by itself: every answer is the next thing that it reads. */

function drawContinued(view, panel, context, below) {
  const { arrays, header, theme } = view;
  const { continued } = arrays;
  const { seen } = header.continued;
  const box = { x: AXIS.left, y: TITLE + 2, width: panel.width - AXIS.left - 8, height: below.y - 2 * TITLE - 22 };
  let [low, high] = [Infinity, -Infinity];
  for (let k = 0; k < seen; k += 1) {
    low = Math.min(low, continued[k]);
    high = Math.max(high, continued[k]);
  }
  const margin = (high - low) * 0.25 || 1;
  const toX = linear(0, continued.length - 1, box.x, box.x + box.width);
  const toY = linear(low - margin, high + margin, box.y + box.height, box.y);
  const ticks = niceTicks(low - margin, high + margin, 3);
  drawAxes(context, theme, box, placeTicks(niceTicks(0, continued.length - 1, 5), toX), placeTicks(ticks, toY), formatTick, true);
  drawFrame(context, theme, box);
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  strokePart(context, continued, 0, seen, toX, toY, theme.text);
  strokePart(context, continued, seen - 1, continued.length, toX, toY, rgb(theme.orange));
  context.restore();
  write(context, theme, "given", toX(seen - 1) - 6, box.y + 9, { align: "right", size: 10 });
  write(context, theme, "goes on", toX(seen - 1) + 6, box.y + 9, { size: 10 });
  write(context, theme, "Predicted against true value", AXIS.left, below.y - 9, { colour: theme.text, weight: 600 });
}

function strokePart(context, values, from, to, toX, toY, colour) {
  context.beginPath();
  for (let k = from; k < to; k += 1) context[k > from ? "lineTo" : "moveTo"](toX(k), toY(values[k]));
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke();
}

function drawContinuedText({ theme, header }, context, { y, height }) {
  const { seen, text } = header.continued;
  const letters = Array.from(text);
  const top = y + height + 40;
  write(context, theme, "Going on by itself", AXIS.left, top, { colour: theme.text, weight: 600 });
  write(context, theme, `given: ${letters.slice(0, seen).join("")}`, AXIS.left, top + 15);
  write(context, theme, letters.slice(seen).join(""), AXIS.left, top + 30, { colour: theme.text });
}
