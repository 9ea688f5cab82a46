/* The network: a column per layer, a tile per unit, an edge per weight; and what the pointer is on. */

const NARROW = 500; // px, below which the network saves on margins
const WIDEST_TILE = 38; // px
const WIDEST_EDGE = 6; // px
const LEVELS = 10; // widths that an edge can have
const NEAR = 6; // px within which the pointer is on an edge

function networkWidth(view, panel) {
  const { columns } = view.header;
  const room = panel.box.clientWidth;
  const gutters = networkGutters(view, panel);
  const pitch = room < NARROW ? 52 : 58; // least distance of columns, below which the network scrolls
  return Math.max(room, gutters.left + gutters.right + WIDEST_TILE + pitch * (columns.length - 1));
}

/** Room for the names of the inputs on the left and of the classes on the right. */
function networkGutters({ header, theme }, { box, context }) {
  setFont(context, theme, 11);
  const most = box.clientWidth < NARROW ? 72 : 96;
  const gutter = (column) => {
    if (!header.columns.length || !isNamed(header, column)) return 24;
    const names = Array.from({ length: header.columns[column].shown }, (_, unit) => unitName(header, column, unit));
    return clamp(Math.max(...names.map((name) => context.measureText(name).width)) + 14, 24, most);
  };
  return { left: gutter(0), right: gutter(header.columns.length - 1) };
}

/** Where every shown unit stands: [{x, size, ys, entry}], x and ys being centres. */
function placeUnits(view, panel) {
  const { columns } = view.header;
  const gutters = networkGutters(view, panel);
  const top = 40;
  const room = panel.height - top - 22;
  const pitch = (panel.width - gutters.left - gutters.right - WIDEST_TILE) / Math.max(1, columns.length - 1);
  return columns.map((entry, c) => {
    const size = Math.floor(clamp((room / entry.shown) * 0.86, 10, Math.min(WIDEST_TILE, pitch * 0.62)));
    const step = Math.min(room / entry.shown, size * 1.55);
    const first = top + room / 2 - (step * (entry.shown - 1)) / 2;
    const ys = Array.from({ length: entry.shown }, (_, unit) => Math.round(first + step * unit));
    return { x: Math.round(gutters.left + WIDEST_TILE / 2 + c * pitch), size, step, ys, entry, pitch, gutters };
  });
}

/** The way to the columns that the panel has no room for. */
function buildMore(view, { box }) {
  const more = element("button", "pg-more", view.root, { type: "button" });
  more.onclick = () => box.scrollBy({ left: box.clientWidth / 2, behavior: reducedMotion.matches ? "auto" : "smooth" });
  box.onscroll = () => tellMore(view);
  return more;
}

function tellMore({ more, panels: { network } }) {
  const end = network.box.scrollLeft + network.box.clientWidth;
  const beyond = network.places.filter(({ x, size }) => x + size / 2 > end).length;
  more.hidden = !beyond;
  setText(more, `${beyond} more ${beyond === 1 ? "column" : "columns"} →`);
}

function drawNetwork(view, panel, context) {
  const places = placeUnits(view, panel);
  panel.places = places;
  tellMore(view);
  drawEdges(view, context, places);
  places.forEach((place, c) => {
    drawTiles(view, context, place, c);
    drawColumnWords(view, context, place, c);
  });
  drawTraceValues(view, context, places);
  drawPhase(view, context, places);
  drawNetworkFocus(view, context, places);
}

const strength = (weight) => 1 - Math.exp(-Math.abs(weight) / 1.2);
const edgeWidth = (level) => 0.5 + ((WIDEST_EDGE - 0.5) * level) / (LEVELS - 1);

function weightsInto(view, c) {
  const weights = view.arrays[`weight_${c}`];
  return weights?.shape.length === 2 ? weights : null;
}

/** Edges gathered by sign and width, so that a dense layer costs a few strokes. */
function drawEdges(view, context, places) {
  const newBins = () => Array.from({ length: 2 * LEVELS }, () => []);
  const [bins, faint] = [newBins(), newBins()];
  for (let c = 1; c < places.length; c += 1) {
    const weights = weightsInto(view, c);
    if (weights) gatherEdges(bins, faint, weights, places[c - 1], places[c], edgeFilter(view.focus, c));
  }
  strokeBins(view, context, faint, 0.15);
  strokeBins(view, context, bins, 1);
}

function strokeBins({ theme }, context, bins, alpha) {
  bins.forEach((ends, bin) => {
    if (!ends.length) return;
    const level = bin % LEVELS;
    context.globalAlpha = alpha * (0.3 + (0.6 * level) / (LEVELS - 1));
    context.strokeStyle = rgb(bin < LEVELS ? theme.orange : theme.blue);
    context.lineWidth = edgeWidth(level);
    strokeEdges(context, ends);
  });
  context.globalAlpha = 1;
}

/** While a unit is in focus the edges of the others are faint. */
function edgeFilter(focus, c) {
  if (focus?.kind !== "node") return null;
  return (from, to) => (focus.column === c && focus.unit === to) || (focus.column === c - 1 && focus.unit === from);
}

function gatherEdges(bins, faint, weights, left, right, keep) {
  const [rows, columns] = weights.shape;
  const x0 = left.x + left.size / 2;
  const x1 = right.x - right.size / 2;
  const most = clamp((Math.min(left.step, right.step) * 0.14) / WIDEST_EDGE, 0.3, 1) * (LEVELS - 1); // dense: thinner
  for (let to = 0; to < rows; to += 1) {
    for (let from = 0; from < columns; from += 1) {
      const weight = weights[to * columns + from];
      if (!Number.isFinite(weight)) continue;
      const level = Math.round(strength(weight) * most);
      const into = keep && !keep(from, to) ? faint : bins;
      into[(weight < 0 ? 0 : LEVELS) + level].push(x0, left.ys[from], x1, right.ys[to]);
    }
  }
}

function strokeEdges(context, ends) {
  context.beginPath();
  for (let k = 0; k < ends.length; k += 4) {
    const middle = (ends[k] + ends[k + 2]) / 2;
    context.moveTo(ends[k], ends[k + 1]);
    context.bezierCurveTo(middle, ends[k + 1], middle, ends[k + 3], ends[k + 2], ends[k + 3]);
  }
  context.stroke();
}

function drawTiles(view, context, place, c) {
  const { theme, arrays, header } = view;
  const { x, size, ys } = place;
  const maps = arrays[`map_${c}`];
  context.fillStyle = rgb(theme.middle);
  for (const y of ys) context.fillRect(x - size / 2, y - size / 2, size, size);
  const features = arrays[`feature_${c}`];
  if (features) drawMapTiles(view, context, place, c, features);
  else if (maps && header.view === "plane") drawMapTiles(view, context, place, c, maps);
  else if (maps) drawLineTiles(view, context, place, maps);
  else if (arrays[`mean_${c}`]) drawMeanTiles(view, context, place, arrays[`mean_${c}`]);
  context.beginPath();
  for (const y of ys) context.rect(x - size / 2 + 0.5, y - size / 2 + 0.5, size - 1, size - 1);
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.stroke();
  drawBiases(view, context, place, arrays[`bias_${c}`]);
}

function fillAtlas(view, c, maps) {
  const [units, rows, columns] = maps.shape;
  const atlas = pixelBuffer(view.atlases[c], columns, rows * units);
  view.atlases[c] = atlas;
  const { tile } = view.theme;
  for (let k = 0; k < maps.length; k += 1) atlas.pixels[k] = tile[maps[k]];
  flush(atlas);
  return atlas;
}

function drawMapTiles(view, context, { x, size, ys }, c, maps) {
  const { canvas } = fillAtlas(view, c, maps);
  const [, rows, columns] = maps.shape;
  ys.forEach((y, unit) =>
    drawSamples(context, canvas, unit * rows, rows, columns, x - size / 2, y - size / 2, size, size),
  );
}

function drawLineTiles(view, context, { x, size, ys }, maps) {
  const [, , length] = maps.shape;
  context.beginPath();
  ys.forEach((y, unit) => {
    for (let k = 0; k < length; k += 1) {
      const px = x - size / 2 + 2 + ((size - 4) * k) / (length - 1);
      const py = y + size / 2 - 2 - ((size - 4) * maps[unit * length + k]) / 255;
      if (k) context.lineTo(px, py);
      else context.moveTo(px, py);
    }
  });
  context.strokeStyle = rgb(view.theme.blue);
  context.lineWidth = 1.5;
  context.stroke();
}

function drawMeanTiles(view, context, { x, size, ys }, means) {
  ys.forEach((y, unit) => {
    if (!Number.isFinite(means[unit])) return;
    context.fillStyle = cssOfPixel(view.theme.tile[Math.round(clamp((means[unit] + 1) * 127.5, 0, 255))]);
    context.fillRect(x - size / 2, y - size / 2, size, size);
  });
}

/** A small square at the lower left corner: the bias. */
function drawBiases({ theme }, context, { x, size, ys }, biases) {
  if (!biases || size < 24) return; // in a crowd they would hide more than they tell
  ys.forEach((y, unit) => {
    if (!Number.isFinite(biases[unit])) return;
    const level = Math.sign(biases[unit]) * strength(biases[unit]);
    context.fillStyle = theme.line;
    context.fillRect(x - size / 2 - 4, y + size / 2 - 4, 8, 8);
    context.fillStyle = cssOfPixel(theme.tile[Math.round((level + 1) * 127.5)]);
    context.fillRect(x - size / 2 - 3, y + size / 2 - 3, 6, 6);
  });
}

function drawColumnWords(view, context, place, c) {
  const { theme, header } = view;
  const { x, size, ys, entry, pitch, gutters } = place;
  const [layer, ...rest] = entry.title.split(" · ");
  const room = Math.max(pitch - 6, 48);
  write(context, theme, layer, x, 7, { align: "center", colour: theme.text, weight: 600, room });
  if (rest.length) write(context, theme, rest.join(" · "), x, 21, { align: "center", room });
  if (entry.units > entry.shown) {
    const y = Math.min(ys.at(-1) + size / 2 + 12, view.panels.network.height - 7);
    write(context, theme, `+ ${formatWhole(entry.units - entry.shown)} more`, x, y, { align: "center", size: 10 });
  }
  if (c === 0) writeUnitNames(view, context, place, c, x - size / 2 - 7, "right", gutters.left - 8);
  else if (isNamed(header, c)) writeUnitNames(view, context, place, c, x + size / 2 + 7, "left", gutters.right - 8);
}

function writeUnitNames(view, context, { ys }, c, x, align, room) {
  ys.forEach((y, unit) => {
    write(context, view.theme, unitName(view.header, c, unit), x, y, { align, colour: view.theme.text, room });
  });
}

function drawNetworkFocus({ focus: pointed, edited, theme }, context, places) {
  const { column, unit, input } = edited ?? {};
  const kept = edited && (input == null ? { kind: "node", column, unit } : { kind: "edge", column, from: input, to: unit });
  const focus = pointed ?? kept;
  if (focus?.kind === "node") {
    const { x, size, ys } = places[focus.column];
    context.strokeStyle = theme.text;
    context.lineWidth = 2;
    context.strokeRect(x - size / 2 - 2, ys[focus.unit] - size / 2 - 2, size + 4, size + 4);
  } else if (focus?.kind === "edge") {
    const [left, right] = [places[focus.column - 1], places[focus.column]];
    context.strokeStyle = theme.text;
    context.lineWidth = 1.5;
    strokeEdges(context, [left.x + left.size / 2, left.ys[focus.from], right.x - right.size / 2, right.ys[focus.to]]);
  }
}

function hitNetwork(view, panel, x, y, pointer) {
  const places = panel.places ?? [];
  return hitNode(places, x, y) ?? hitEdge(view, places, x, y, pointer === "touch" ? 2 * NEAR : NEAR);
}

function hitNode(places, x, y) {
  for (let column = 0; column < places.length; column += 1) {
    const { x: centre, size, ys } = places[column];
    if (Math.abs(x - centre) > size / 2 + 4) continue;
    const unit = ys.findIndex((at) => y - at >= -size / 2 - 1 && y - at <= size / 2 + 4); // with its bias below
    if (unit >= 0) return { panel: "network", kind: "node", column, unit };
  }
  return null;
}

/** How far along the edge (0 to 1) its horizontal position is `u`; the inverse of 1.5t - 1.5t^2 + t^3. */
function edgeTime(u) {
  let [low, high] = [0, 1];
  for (let k = 0; k < 20; k += 1) {
    const t = (low + high) / 2;
    if (1.5 * t - 1.5 * t * t + t * t * t < u) low = t;
    else high = t;
  }
  return (low + high) / 2;
}

function hitEdge(view, places, x, y, near) {
  const column = places.findIndex((place, c) => c > 0 && x > edgeSpan(places, c)[0] && x < edgeSpan(places, c)[1]);
  const weights = column > 0 && weightsInto(view, column);
  if (!weights) return null;
  const [x0, x1] = edgeSpan(places, column);
  const t = edgeTime((x - x0) / (x1 - x0));
  const along = t * t * (3 - 2 * t);
  const slope = (6 * t * (1 - t)) / ((1.5 - 3 * t + 3 * t * t) * (x1 - x0)); // dy/dx of an edge that climbs by 1
  const [rows, columns] = weights.shape;
  let best = { distance: near };
  for (let to = 0; to < rows; to += 1) {
    for (let from = 0; from < columns; from += 1) {
      const weight = weights[to * columns + from];
      if (!Number.isFinite(weight)) continue;
      const rise = places[column].ys[to] - places[column - 1].ys[from];
      const off = Math.abs(y - places[column - 1].ys[from] - rise * along) / Math.hypot(1, rise * slope);
      const distance = off - 2 * strength(weight); // a wide edge is hit from further away
      if (distance < best.distance) best = { distance, focus: { panel: "network", kind: "edge", column, from, to } };
    }
  }
  return best.focus ?? null;
}

const edgeSpan = (places, c) => [places[c - 1].x + places[c - 1].size / 2, places[c].x - places[c].size / 2];

function describeNetwork(view, panel) {
  const { focus, header, arrays } = view;
  const places = panel.places;
  if (focus.kind === "edge") {
    const weights = weightsInto(view, focus.column);
    const names = [unitName(header, focus.column - 1, focus.from), unitName(header, focus.column, focus.to)];
    const value = formatWeight(weights[focus.to * weights.shape[1] + focus.from]);
    const y = (places[focus.column - 1].ys[focus.from] + places[focus.column].ys[focus.to]) / 2;
    const [x0, x1] = edgeSpan(places, focus.column);
    const text = `weight ${value} (${names.join(" → ")})\n${describeChange(view, parameterAt(view, focus))}`;
    return { x: focus.x ?? (x0 + x1) / 2, y: focus.y ?? y, text };
  }
  const { x, size, ys, entry } = places[focus.column];
  const bias = arrays[`bias_${focus.column}`]?.[focus.unit];
  const mean = arrays[`mean_${focus.column}`]?.[focus.unit];
  const lines = [`${unitName(header, focus.column, focus.unit)} · ${entry.title}`];
  if (isNumber(bias)) lines.push(`bias ${formatWeight(bias)}`, describeChange(view, parameterAt(view, focus)));
  lines.push(...describeTraced(view, focus));
  if (isNumber(mean) && isNumber(entry.scale)) lines.push(`mean value ${formatShort(mean * entry.scale)}`);
  return { x: x + size / 2, y: ys[focus.unit], text: lines.join("\n") };
}
