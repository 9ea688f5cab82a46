/* The hidden space: the plane as two units of a layer see it, bent, with its colours and points. */

function buildBendChoice(view) {
  const box = element("div", "pg-bend", view.root, { role: "group", "aria-label": "Hidden space", "data-shown": "false" });
  const choose = (label, name) => {
    const pick = element("select", "", box, { "aria-label": label, title: label });
    pick.onchange = () => {
      view.bent = { ...view.bent, [name]: Number(pick.value) };
      if (name === "column") Object.assign(view.bent, { across: 0, up: 1 });
      schedule(view, PANELS);
    };
    pick.onkeydown = (event) => event.stopPropagation();
    return pick;
  };
  view.bent = { column: null, across: 0, up: 1 };
  return { box, column: choose("Layer", "column"), across: choose("Unit across", "across"), up: choose("Unit up", "up") };
}

/** Columns of which at least two units are shown, but for the inputs. */
const bendable = ({ columns }) => [...columns.keys()].filter((c) => c > 0 && columns[c].shown > 1);

/** The layer and the units that are drawn against each other: the last hidden layer, unless others were chosen. */
function bentUnits(view) {
  const able = bendable(view.header);
  if (!able.includes(view.bent.column)) {
    const hidden = able.filter((c) => c < view.header.columns.length - 1);
    view.bent = { column: hidden.at(-1) ?? able.at(-1), across: 0, up: 1 };
  }
  const { shown } = view.header.columns[view.bent.column];
  for (const name of ["across", "up"]) if (view.bent[name] >= shown) view.bent[name] = name === "up" ? 1 : 0;
  return view.bent;
}

const isBent = (view) => isShown(view, "bend") && !view.drawing && bendable(view.header).length > 0;

/** Keeps the lists beside the surface in step with the network. */
function markBendChoice(view) {
  const { box, column, across, up } = view.bendChoice;
  const shown = Boolean(view.header.view === "plane" && isBent(view));
  if (box.dataset.shown !== String(shown)) box.dataset.shown = String(shown);
  if (!shown) return;
  const bent = bentUnits(view);
  const { columns } = view.header;
  fillChoice(column, bendable(view.header).map((c) => [c, columns[c].title.split(" · ")[0] + ` (${c})`]), bent.column);
  const units = Array.from({ length: columns[bent.column].shown }, (_, unit) => unit);
  fillChoice(across, units.map((unit) => [unit, `→ ${unitName(view.header, bent.column, unit)}`]), bent.across);
  fillChoice(up, units.map((unit) => [unit, `↑ ${unitName(view.header, bent.column, unit)}`]), bent.up);
}

function fillChoice(pick, choices, value) {
  const key = JSON.stringify(choices);
  if (pick.pgKey !== key) {
    pick.pgKey = key;
    pick.replaceChildren(...choices.map(([at, text]) => new Option(text, at)));
  }
  if (pick.value !== String(value)) pick.value = String(value);
}

/** Two maps of units as places in the box: (row, column) of the map -> [x, y]; fractions are interpolated. */
function bentPlaces(view, box) {
  const { column, across, up } = bentUnits(view);
  const maps = view.arrays[`map_${column}`];
  const [, side] = maps.shape;
  const limits = (unit) => {
    const bytes = maps.subarray(unit * side * side, (unit + 1) * side * side);
    const [least, most] = [bytes.reduce((a, b) => Math.min(a, b)), bytes.reduce((a, b) => Math.max(a, b))];
    const margin = Math.max(2, 0.06 * (most - least));
    return [least - margin, most + margin];
  };
  const [acrossRange, upRange] = [limits(across), limits(up)];
  const at = (unit, row, place) => {
    const [r, c] = [Math.min(Math.floor(row), side - 2), Math.min(Math.floor(place), side - 2)];
    const [s, t] = [row - r, place - c];
    const start = unit * side * side + r * side + c;
    const top = maps[start] * (1 - t) + maps[start + 1] * t;
    const bottom = maps[start + side] * (1 - t) + maps[start + side + 1] * t;
    return top * (1 - s) + bottom * s;
  };
  const toX = linear(...acrossRange, box.x, box.x + box.width);
  const toY = linear(...upRange, box.y + box.height, box.y);
  const scale = view.header.columns[column].scale || 1;
  const valued = (range) => range.map((byte) => (byte / 127.5 - 1) * scale);
  const place = (row, col) => [toX(at(across, row, col)), toY(at(up, row, col))];
  return { side, place, ranges: [valued(acrossRange), valued(upRange)] };
}

function drawBent(view, context, box) {
  const { theme } = view;
  const { side, place, ranges } = bentPlaces(view, box);
  const [acrossRange, upRange] = ranges;
  context.fillStyle = rgb(theme.background);
  context.fillRect(box.x, box.y, box.width, box.height);
  const [toX, toY] = [linear(...acrossRange, box.x, box.x + box.width), linear(...upRange, box.y + box.height, box.y)];
  const [xTicks, yTicks] = [niceTicks(...acrossRange, 4), niceTicks(...upRange, 4)];
  drawAxes(context, theme, box, placeTicks(xTicks, toX), placeTicks(yTicks, toY), formatTick, true);
  const corners = Array.from({ length: side * side }, (_, k) => place(Math.floor(k / side), k % side));
  fillSurface(view);
  drawBentCells(view, context, corners, side);
  drawBentPoints(view, context, place, side);
  drawFrame(context, theme, box);
}

/** Each cell of the plane in the colour that the network gives it, with its outline. */
function drawBentCells(view, context, corners, side) {
  const { pixels, canvas } = view.surface;
  context.lineWidth = 0.6;
  context.strokeStyle = view.theme.line;
  for (let row = 0; row < side - 1; row += 1) {
    for (let column = 0; column < side - 1; column += 1) {
      const middle = (k, size) => Math.round(((k + 0.5) / (side - 1)) * (size - 1));
      context.fillStyle = cssOfPixel(pixels[middle(row, canvas.height) * canvas.width + middle(column, canvas.width)]);
      context.beginPath();
      const first = row * side + column;
      for (const k of [first, first + 1, first + side + 1, first + side]) context.lineTo(...corners[k]);
      context.closePath();
      context.globalAlpha = 0.75;
      context.fill();
      context.globalAlpha = 1;
      context.stroke();
    }
  }
}

function drawBentPoints(view, context, place, side) {
  const { points } = view.arrays;
  const regression = view.header.task === "regression";
  for (let k = 0; k < (points?.length ?? 0); k += POINT) {
    const [x, y] = place((1 - points[k + 1] / 255) * (side - 1), (points[k] / 255) * (side - 1));
    context.beginPath();
    shapePath(context, regression ? 0 : points[k + 2], x, y, 2.6);
    const colour = regression ? cssOfPixel(view.theme.tile[points[k + 2]]) : rgb(classColour(view, points[k + 2]));
    paintMarks(context, view.theme, colour, k >= POINT * view.header.train_points, regression);
  }
}

function bentTitle(view) {
  const { column } = bentUnits(view);
  return `The plane, as ${view.header.columns[column].title} bends it`;
}

function describeBent(view) {
  const { header, focus } = view;
  const { column, across, up } = bentUnits(view);
  const [acrossRange, upRange] = bentPlaces(view, view.panels.output.field).ranges;
  const value = (unit, [low, high], share) =>
    `${unitName(header, column, unit)} ${formatShort(low + share * (high - low))}`;
  return `${value(across, acrossRange, focus.u)}\n${value(up, upRange, 1 - focus.v)}`;
}
