/* Output over the plane: decision surface or predicted value, points, legend. */

const UNSURE = 0.6; // a probability below this counts as not knowing
const MOST_NAMED = 6; // classes whose names the legend has room for
const POINT = 3; // bytes of a point: x, y, and class or value; those of the training part come first

function drawPlane(view, panel, context, box) {
  const { theme, header } = view;
  const unit = focusedUnit(view);
  if (!unit && isBent(view)) {
    drawBent(view, context, box);
    if (view.focus?.panel === "output") drawProbe(view, context, box);
    return;
  }
  const image = unit ? fillUnitMap(view, unit) : fillSurface(view);
  if (image) drawSamples(context, image, 0, image.height, image.width, box.x, box.y, box.width, box.height);
  drawFrame(context, theme, box);
  drawPlaneAxes(view, context, box);
  if (isShown(view, "lines")) drawZeroLines(view, context, box);
  const points = view.drawing ? null : pointsLayer(view, panel, box);
  if (view.drawing) drawDraft(view, context, box);
  if (points && !unit && isShown(view, "errors")) drawErrors(view, context, box);
  if (points) context.drawImage(points, box.x - 6, box.y - 6, box.width + 12, box.height + 12);
  if (unit) drawUnitLegend(view, context, box, header.columns[unit.column].scale);
  else if (!view.drawing) drawPlaneLegend(view, context, box);
  if (!unit) drawTraceMark(view, context, box);
  if (view.focus?.panel === "output") drawProbe(view, context, box);
}

function fillSurface(view) {
  const { surface, confidence } = view.arrays;
  if (!surface) return null;
  const [rows, columns] = surface.shape;
  view.surface = pixelBuffer(view.surface, columns, rows);
  const { pixels } = view.surface;
  const several = Boolean(confidence);
  const tables = several ? view.header.classes.map((_, index) => confidencePixels(view, index)) : null;
  const levels = view.theme.surface;
  const hard = isShown(view, "discrete");
  for (let k = 0; k < surface.length; k += 1) {
    if (several) pixels[k] = (tables[surface[k]] ?? tables[0])[hard ? 255 : confidence[k]];
    else pixels[k] = levels[hard ? (surface[k] > 127 ? 255 : 0) : surface[k]];
  }
  if (isShown(view, "errors")) hatchUnsure(view, pixels, columns);
  flush(view.surface);
  return view.surface.canvas;
}

/** Whether the most likely class of a cell has a probability below UNSURE. */
function isUnsure({ surface, confidence }, cell) {
  return (confidence ? confidence[cell] : Math.max(surface[cell], 255 - surface[cell])) < 255 * UNSURE;
}

/** Stripes where the network is unsure. */
function hatchUnsure({ arrays, theme }, pixels, columns) {
  for (let k = 0; k < pixels.length; k += 1) {
    if (((Math.floor(k / columns) + (k % columns)) & 3) < 2 && isUnsure(arrays, k)) pixels[k] = theme.hatch;
  }
}

/** Pixels of one class by confidence: pale at 1/C, strong at 1. Kept, since they change with the theme alone. */
function confidencePixels(view, index) {
  const key = `${view.theme.key}|${view.header.classes.length}|${index}`;
  view.confidence ??= new Map();
  if (!view.confidence.has(key)) {
    const chance = 1 / view.header.classes.length;
    const pixels = Uint32Array.from({ length: 256 }, (_, level) => {
      const sure = clamp((level / 255 - chance) / (1 - chance), 0, 1);
      return pixel(mix(view.theme.middle, classColour(view, index), 0.1 + 0.65 * sure));
    });
    view.confidence.set(key, pixels);
  }
  return view.confidence.get(key);
}

function fillUnitMap(view, { column, unit }) {
  const maps = view.arrays[`map_${column}`];
  const [, rows, columns] = maps.shape;
  view.unitMap = pixelBuffer(view.unitMap, columns, rows);
  const start = unit * rows * columns;
  for (let k = 0; k < rows * columns; k += 1) view.unitMap.pixels[k] = view.theme.surface[maps[start + k]];
  flush(view.unitMap);
  return view.unitMap.canvas;
}

function drawPlaneAxes({ theme, header }, context, box) {
  if (!header.domain) return;
  const [low, high] = header.domain;
  const toX = linear(low, high, box.x, box.x + box.width);
  const toY = linear(low, high, box.y + box.height, box.y);
  const ticks = niceTicks(low, high, 5);
  drawAxes(context, theme, box, placeTicks(ticks, toX), placeTicks(ticks, toY));
}

/** The points hardly ever change: they are drawn once on a layer of their own, 6 px wider on each side. */
function pointsLayer(view, panel, box) {
  const { points } = view.arrays;
  if (!points) return null;
  const kept = view.points;
  const key = `${view.theme.key}|${box.width}|${panel.ratio}|${view.header.task}|${view.header.classes.length}|${view.header.train_points}`;
  if (kept.key === key && sameBytes(kept.bytes, points)) return kept.canvas;
  const canvas = kept.canvas ?? document.createElement("canvas");
  canvas.width = canvas.height = Math.round((box.width + 12) * panel.ratio);
  const context = canvas.getContext("2d");
  context.scale(panel.ratio, panel.ratio);
  context.translate(6, 6);
  drawPoints(view, context, points, box);
  view.points = { key, bytes: points, canvas };
  return canvas;
}

function sameBytes(a, b) {
  if (a.length !== b.length) return false;
  for (let k = 0; k < a.length; k += 1) if (a[k] !== b[k]) return false;
  return true;
}

function drawPoints(view, context, points, box) {
  const regression = view.header.task === "regression";
  for (let k = 0; k < points.length; k += POINT) {
    const validation = k >= POINT * view.header.train_points;
    const colour = regression ? cssOfPixel(view.theme.tile[points[k + 2]]) : rgb(classColour(view, points[k + 2]));
    context.beginPath();
    const x = (points[k] / 255) * box.width;
    const y = (1 - points[k + 1] / 255) * box.height;
    shapePath(context, regression ? 0 : points[k + 2], x, y, validation ? 2.6 : 3);
    paintMarks(context, view.theme, colour, validation, regression);
  }
}

const legendX = (box) => box.x + box.width + 12;

function drawPlaneLegend(view, context, box) {
  const { header } = view;
  const regression = header.task === "regression";
  let y = box.y + 6;
  if (regression) y = drawScaleBar(view, context, box, header.value_scale);
  else if (isBinary(header)) y = drawScaleBar(view, context, box, null);
  if (!regression) y = drawClassLegend(view, context, box, y);
  drawSplitLegend(view, context, box, y + 6);
}

function drawUnitLegend(view, context, box, scale) {
  drawSplitLegend(view, context, box, drawScaleBar(view, context, box, scale) + 6);
}

/** The colour scale, from -scale to scale, or from probability 0 to 1 where `scale` is null; returns the y below. */
function drawScaleBar({ theme }, context, box, scale) {
  const x = legendX(box);
  const height = Math.min(56, box.height * 0.26);
  const top = box.y;
  const gradient = context.createLinearGradient(0, top + height, 0, top);
  for (const [stop, level] of [
    [0, 0],
    [0.5, 128],
    [1, 255],
  ])
    gradient.addColorStop(stop, cssOfPixel(theme.surface[level]));
  context.fillStyle = gradient;
  context.fillRect(x, top, 10, height);
  drawFrame(context, theme, { x, y: top, width: 10, height });
  const labels = scale == null ? ["1", "0.5", "0"] : [formatTick(scale), "0", formatTick(-scale)];
  labels.forEach((label, k) => write(context, theme, label, x + 15, top + 5 + (k * (height - 10)) / 2, { size: 10 }));
  return top + height + 16;
}

function drawClassLegend(view, context, box, start) {
  const x = legendX(box);
  const { classes } = view.header;
  const several = classes.length > MOST_NAMED; // by their numbers then, in two columns
  const rows = several ? Math.ceil(classes.length / 2) : classes.length;
  classes.forEach((_, index) => {
    const left = x + 5 + (several && index >= rows ? 34 : 0);
    const y = start + 16 * (index % rows);
    context.beginPath();
    shapePath(context, index, left, y, 4);
    paintMarks(context, view.theme, rgb(classColour(view, index)), false);
    write(context, view.theme, several ? String(index) : className(view.header, index), left + 10, y, { room: 56 });
  });
  return start + 16 * rows;
}

function drawSplitLegend(view, context, box, start, colour = view.theme.muted) {
  const x = legendX(box);
  const valued = view.header.view === "plane" && view.header.task === "regression";
  const rows = hasValidation(view) ? ["training", "validation"] : ["training"];
  rows.forEach((name, split) => {
    const y = start + 16 * split;
    context.beginPath();
    shapePath(context, 0, x + 5, y, 3.4);
    paintMarks(context, view.theme, colour, split === 1, valued);
    write(context, view.theme, name, x + 15, y);
  });
}

function drawProbe({ theme, focus }, context, box) {
  const [x, y] = [box.x + focus.u * box.width, box.y + focus.v * box.height];
  drawRing(context, theme, x, y, 5);
}

function describePlane(view) {
  const { header, arrays, focus } = view;
  const { surface, confidence } = arrays;
  if (!surface || !header.domain) return "";
  if (isBent(view)) return describeBent(view);
  const [low, high] = header.domain;
  const [rows, columns] = surface.shape;
  const { u, v } = focus;
  const cell = Math.round(v * (rows - 1)) * columns + Math.round(u * (columns - 1));
  const level = between(surface, rows, columns, u, v);
  const x = low + u * (high - low);
  const y = high - v * (high - low);
  const lines = [`x ${x.toFixed(2)}, y ${y.toFixed(2)}`];
  if (view.drawing) {
    const index = nearestPoint(view, focus.u, focus.v, GRAB.mouse);
    return index < 0 ? lines[0] : `${lines[0]}\n${view.held === index ? "held, " : ""}class ${view.draft[index].label}`;
  }
  if (confidence) lines.push(`${className(header, surface[cell])}, ${formatPercent(confidence[cell] / 255, 0)}`);
  else if (isBinary(header)) lines.push(`p(${className(header, 1)}) = ${(level / 255).toFixed(2)}`);
  else lines.push(`predicts ${formatShort((level / 127.5 - 1) * header.value_scale)}`);
  return lines.concat(describeSampleAt(header, arrays.points, focus)).join("\n");
}

/** The value of a map of bytes at (u, v), between its four nearest cells. */
function between(map, rows, columns, u, v) {
  const [x, y] = [u * (columns - 1), v * (rows - 1)];
  const [c, r] = [Math.min(Math.floor(x), columns - 2), Math.min(Math.floor(y), rows - 2)];
  const [s, t, at] = [x - c, y - r, r * columns + c];
  const [top, bottom] = [at, at + columns].map((k) => map[k] * (1 - s) + map[k + 1] * s);
  return top * (1 - t) + bottom * t;
}

/** The sample under (u, v), where there is one. */
function describeSampleAt(header, points, { u, v }) {
  if (!points) return [];
  let best = { distance: 5 };
  for (let k = 0; k < points.length; k += POINT) {
    const distance = Math.hypot(points[k] - u * 255, points[k + 1] - (1 - v) * 255);
    if (distance < best.distance) best = { distance, k };
  }
  if (best.k === undefined) return [];
  const value = points[best.k + 2];
  const split = best.k >= POINT * header.train_points ? "validation" : "training";
  const regression = header.task === "regression";
  return [
    `${split} point: ${regression ? formatShort((value / 127.5 - 1) * header.value_scale) : className(header, value)}`,
  ];
}
