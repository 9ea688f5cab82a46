/*
 * The race: a contour map with trails, loss curves in the same time, a scoreboard, and one step worked out.
 *
 * Streamlit hands `draw` a packed race (playground/landscapes/picture.py) whenever it has changed. From then on everything
 * happens here: playing, scrubbing and inspecting ask the server for nothing. Only a new start is sent back.
 *
 * Time is `view.t`, from 0 to the budget: steps, or gradients. The files in assets/live/ named in playground/ui stand
 * before this one in the same module.
 */

const RACE_SECONDS = 6; // from the first to the last step at speed 1
const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];
const RACER_COLOURS = {
  light: ["#d55e00", "#0072b2", "#009e73", "#b5468f", "#c98a00", "#3a9ad9", "#7a52b3", "#6b6b6b", "#a8152a", "#007f7f", "#8a5a16", "#3f7d20"],
  dark: ["#ff8a3d", "#4aa8ef", "#2fcf9f", "#ee9ccb", "#f2b632", "#8ccdf5", "#b79be8", "#b5b5b5", "#ff6f7d", "#4fd0d0", "#cfa05e", "#9ad07a"],
}; // in the order of playground/ui/optimizers_view.py, with a shape beside each: never told by colour alone
const STEP_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const SETTLE = 350; // milliseconds after the last key until a start is sent

const races = new WeakMap(); // of the element a view is mounted in

function node(tag, className_, parent, attributes = {}) {
  const made = document.createElement(tag);
  made.className = className_;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

function say(target, text) {
  if (!target.firstChild) target.append(text);
  else if (target.firstChild.data !== text) target.firstChild.data = text;
}

function unpackRace(bytes) {
  const { buffer } = bytes.slice(); // a copy starts at 0: float arrays must lie at multiples of 4
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const [name, { shape, offset }] of Object.entries(header.arrays)) {
    const count = shape.reduce((product, size) => product * size, 1);
    arrays[name] = Object.assign(new Float32Array(buffer, 4 + length + offset, count), { shape });
  }
  return { header, arrays };
}

// ---- building ------------------------------------------------------------------------------------------------------

function buildRace(parentElement, style) {
  const root = parentElement.querySelector(".pg-race");
  root.replaceChildren();
  node("style", "", root).textContent = style;
  const view = { root, t: 0, speed: 1, playing: false, chosen: 0, frame: 0, last: 0, ghost: null, hover: null, frames: 0 };
  buildBar(view);
  const stage = node("div", "rc-stage", root);
  view.map = buildCanvas(view, stage, "rc-map", "application");
  const side = node("div", "rc-side", stage);
  view.curves = buildCanvas(view, side, "rc-curves", "img");
  view.board = node("div", "rc-board", side);
  view.inspect = node("div", "rc-inspect", root, { "aria-label": "One step worked out" });
  view.tip = node("div", "rc-tip", root);
  view.said = node("div", "rc-said", root, { "aria-live": "polite" });
  listenMap(view);
  listenCurves(view);
  new ResizeObserver(() => redrawSoon(view)).observe(root);
  return view;
}

const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9.5 2.5h3v11h-3z",
  start: "M3 2.5h2v11H3zM13 2.5v11L6 8z",
  back: "M11.5 2.5v11L4 8z",
  forward: "M4.5 2.5v11L12 8z",
  end: "M11 2.5h2v11h-2zM3 2.5v11L10 8z",
}; // drawn, since not every font has them

function icon(parent, name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  parent.append(svg);
  return path;
}

function buildBar(view) {
  const bar = node("div", "rc-bar", view.root);
  const button = (label, name, act, extra = "") => {
    const made = node("button", `rc-button ${extra}`, bar, { type: "button", "aria-label": label, title: label });
    made.path = icon(made, name);
    made.onclick = act;
    return made;
  };
  view.play = button("Play", "play", () => toggle(view), "rc-play");
  view.playWord = node("span", "", view.play);
  button("To the start", "start", () => seek(view, 0));
  button("One step back", "back", () => seek(view, Math.ceil(view.t) - 1));
  button("One step forward", "forward", () => seek(view, Math.floor(view.t) + 1));
  button("To the end", "end", () => seek(view, view.end ?? 0));
  view.scrub = node("input", "rc-scrub", bar, { type: "range", min: 0, max: 100, step: 1, "aria-label": "Step" });
  view.scrub.oninput = () => seek(view, Number(view.scrub.value));
  view.clock = node("output", "rc-clock", bar);
  const speed = node("select", "rc-speed", bar, { "aria-label": "Speed", title: "Speed" });
  for (const factor of SPEEDS) say(node("option", "", speed, { value: factor }), `${factor}×`);
  speed.value = "1";
  speed.onchange = () => (view.speed = Number(speed.value));
}

function buildCanvas(view, parent, name, role) {
  const box = node("div", `rc-box ${name}`, parent);
  const canvas = node("canvas", "", box, { role, tabindex: "0", "aria-label": name });
  return { box, canvas, context: canvas.getContext("2d"), width: 0, height: 0 };
}

// ---- data ----------------------------------------------------------------------------------------------------------

function drawRace(style, mount) {
  const { data, parentElement } = mount;
  if (!data?.length) return;
  let view = races.get(parentElement);
  if (!view?.root.isConnected) {
    view = buildRace(parentElement, style);
    races.set(parentElement, view);
  }
  view.send = mount.setTriggerValue;
  const theme = readTheme(view.root);
  theme.dark = luminance(theme.background) < 0.5;
  if (view.theme?.key !== theme.key) view.theme = theme;
  if (view.data !== data) adopt(view, data);
  redrawSoon(view);
}

function adopt(view, data) {
  // the surface alone comes while a race is under way: time stands as it was before
  if (view.trails?.length) view.atEnd = view.t >= view.end;
  view.data = data;
  Object.assign(view, unpackRace(data));
  const { header, arrays } = view;
  view.ghost = null;
  view.end = header.steps;
  view.trails = header.racers.map((racer, k) => ({
    ...racer,
    k,
    path: arrays[`path_${k}`],
    loss: arrays[`loss_${k}`],
    asked: arrays[`evaluations_${k}`],
    last: lastShown(header, racer),
  }));
  view.chosen = Math.min(view.chosen, Math.max(0, view.trails.length - 1));
  view.levels = makeLevels(view);
  view.lossRange = lossRange(view);
  view.scrub.max = String(view.end);
  if (view.trails.length) {
    if (view.atEnd === undefined && !reducedMotionWanted()) play(view, 0);
    else if (view.atEnd ?? true) view.t = view.end;
  }
  view.t = Math.min(view.t, view.end);
  buildBoard(view);
  view.surface = null;
  labelCanvases(view);
  view.root.dataset.race = String((Number(view.root.dataset.race) || 0) + Math.sign(view.trails.length));
  view.root.dataset.racers = String(view.trails.length);
}

const reducedMotionWanted = () => globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The last place in the shown steps that lies within the budget. */
function lastShown({ shown }, { cut }) {
  let last = shown.length - 1;
  while (last > 0 && shown[last] > cut) last -= 1;
  return last;
}

/** Where a racer is at time t: a place among the shown steps, with a fraction for what lies between two. */
function placeAt(view, trail, t) {
  const scale = view.header.budget === "gradients" ? trail.asked : view.header.shown;
  let [low, high] = [0, trail.last];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (scale[middle] <= t) low = middle;
    else high = middle - 1;
  }
  if (low >= trail.last) return trail.last;
  return low + Math.min(1, (t - scale[low]) / (scale[low + 1] - scale[low]));
}

/** Heights of the contour lines, and how a value becomes a place among them. */
function makeLevels({ header, arrays }) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of arrays.grid) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const floor = Math.min(header.floor ?? low, low);
  const span = high - floor || 1;
  const count = 22;
  if (!header.log) return { place: (value) => (count * (value - floor)) / span, count };
  const bottom = Math.log10(span) - 4.4; // decades below the highest value
  const step = (Math.log10(span) - bottom) / count;
  return { place: (value) => Math.max(0, (Math.log10(Math.max(value - floor, 1e-300)) - bottom) / step), count };
}

/** What the curves show: the loss above the lowest known value on a log axis, or the plain loss where there is none. */
function lossRange({ header, trails }) {
  const floor = header.floor;
  const log = floor != null;
  const shown = (value) => (log ? value - floor : value);
  let [low, high, start] = [Infinity, -Infinity, -Infinity];
  for (const { loss, last } of trails) {
    start = Math.max(start, shown(loss[0]));
    for (let k = 0; k <= last; k += 1) {
      const value = shown(loss[k]);
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (!(low < high)) [low, high] = log ? [0.1, 1] : [low - 1, low + 1];
  if (log) {
    high = Math.min(high, Math.max(1e4 * start, 1e-6)); // a diverging racer must not flatten the others
    low = Math.max(low, high * 1e-16);
    return { log, low: low / 1.5, high: high * 1.5, shown };
  }
  high = Math.min(high, start + 3 * Math.abs(start) + 10);
  low = Math.max(low, start - 1e3 * Math.abs(start) - 1e3);
  return { log, low, high: high + 0.05 * (high - low), shown };
}

// ---- time ----------------------------------------------------------------------------------------------------------

function play(view, from) {
  view.t = from ?? (view.t >= view.end ? 0 : view.t);
  view.playing = true;
  view.last = performance.now();
  redrawSoon(view);
}

function toggle(view) {
  if (!view.trails?.length) return;
  if (view.playing) {
    view.playing = false;
    redrawSoon(view);
  } else play(view);
}

function seek(view, t) {
  if (!view.trails?.length) return;
  view.playing = false;
  view.t = clamp(t, 0, view.end);
  redrawSoon(view);
}

function redrawSoon(view) {
  if (view.frame) return;
  view.frame = requestAnimationFrame((now) => {
    view.frame = 0;
    if (view.playing) {
      const rate = (view.end / RACE_SECONDS) * view.speed;
      view.t += (rate * Math.min(100, Math.max(0, now - view.last))) / 1000;
      view.last = now;
      if (view.t >= view.end) {
        view.t = view.end;
        view.playing = false;
      }
    }
    redrawRace(view);
    if (view.playing) redrawSoon(view);
  });
}

function redrawRace(view) {
  if (!view.header || !view.root.clientWidth) return;
  drawMap(view);
  drawLossCurves(view);
  const unit = view.header.budget === "gradients" ? "gradient" : "step";
  say(view.clock, `${unit} ${Math.floor(view.t).toLocaleString("en")} / ${view.end.toLocaleString("en")}`);
  const word = view.playing ? "Pause" : "Play";
  if (view.play.getAttribute("aria-label") !== word) {
    view.play.setAttribute("aria-label", word);
    view.play.title = word;
    view.play.path.setAttribute("d", ICONS[word.toLowerCase()]);
  }
  say(view.playWord, word);
  view.scrub.value = String(Math.floor(view.t));
  fillBoard(view);
  fillInspect(view);
  view.frames += 1;
  Object.assign(view.root.dataset, {
    t: view.t.toFixed(2),
    frames: view.frames,
    playing: view.playing,
    start: view.header.start.map((number) => number.toFixed(4)).join(" "),
  });
}

// ---- the map -------------------------------------------------------------------------------------------------------

function fitRace(panel) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [width, height] = [panel.box.clientWidth, panel.box.clientHeight];
  if (panel.width !== width || panel.height !== height || panel.ratio !== ratio) {
    Object.assign(panel, { width, height, ratio });
    panel.canvas.width = Math.round(width * ratio);
    panel.canvas.height = Math.round(height * ratio);
    panel.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }
  panel.context.clearRect(0, 0, width, height);
  return panel.context;
}

function mapScales(view) {
  const { map, header } = view;
  const box = { x: 30, y: 4, width: map.width - 36, height: map.height - 24 };
  const [[x0, x1], [y0, y1]] = header.domain;
  return {
    box,
    x: linear(x0, x1, box.x, box.x + box.width),
    y: linear(y0, y1, box.y + box.height, box.y),
    toX: linear(box.x, box.x + box.width, x0, x1),
    toY: linear(box.y + box.height, box.y, y0, y1),
  };
}

/** Weights of four neighbours at a fraction s between the middle two (Catmull and Rom): exact for parabolas. */
const cubic = (s) => [
  0.5 * s * (-1 + s * (2 - s)),
  1 + 0.5 * s * s * (3 * s - 5),
  0.5 * s * (1 + s * (4 - 3 * s)),
  0.5 * s * s * (s - 1),
];

/** The value between the grid's points; u and v from 0 to 1. */
function gridAt({ grid }, u, v) {
  const size = grid.shape[0];
  const last = size - 1;
  const [column, row] = [clamp(u * last, 0, last - 1e-9), clamp(v * last, 0, last - 1e-9)];
  const [c, r] = [Math.floor(column), Math.floor(row)];
  const across = cubic(column - c);
  const along = cubic(row - r);
  let sum = 0;
  for (let j = 0; j < 4; j += 1) {
    const line = clamp(r + j - 1, 0, last) * size;
    for (let i = 0; i < 4; i += 1) sum += along[j] * across[i] * grid[line + clamp(c + i - 1, 0, last)];
  }
  return sum;
}

/** Shades and contour lines as a picture of their own, made once for each landscape, size and theme. */
function surfaceOf(view, box, ratio) {
  const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
  const key = `${width} ${height} ${view.theme.key} ${view.header.key}`;
  if (view.surface?.key === key) return view.surface.canvas;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const { place, count } = view.levels;
  const dark = view.theme.dark;
  const [low, high] = dark ? [[70, 96, 122], [20, 27, 36]] : [[255, 255, 255], [186, 200, 216]];
  const [lineLow, lineHigh] = dark ? [[104, 132, 160], [44, 58, 74]] : [[172, 190, 209], [148, 167, 188]];
  const shades = Array.from({ length: count + 2 }, (_, k) => pixel(mix(low, high, k / (count + 1))));
  const lines = Array.from({ length: count + 2 }, (_, k) => pixel(mix(lineLow, lineHigh, k / (count + 1))));
  const none = pixel(mix(view.theme.background, dark ? [90, 60, 60] : [230, 205, 205], 0.5));
  let above = new Int16Array(width).fill(-1);
  for (let row = 0; row < height; row += 1) {
    const band = new Int16Array(width);
    for (let column = 0; column < width; column += 1) {
      const value = gridAt(view.arrays, column / (width - 1), 1 - row / (height - 1));
      const level = Number.isFinite(value) ? clamp(Math.floor(place(value)), 0, count + 1) : -2;
      band[column] = level;
      const edge = level >= 0 && ((column && band[column - 1] !== level) || (row && above[column] !== level));
      pixels[row * width + column] = level < 0 ? none : (edge ? lines : shades)[level];
    }
    above = band;
  }
  context.putImageData(image, 0, 0);
  view.surface = { key, canvas };
  return canvas;
}

const racerColour = (view, k) => RACER_COLOURS[view.theme.dark ? "dark" : "light"][k % 12];

function drawMap(view) {
  const { map, theme, header } = view;
  const context = fitRace(map);
  const scales = mapScales(view);
  view.scales = scales;
  const { box } = scales;
  if (box.width < 20 || box.height < 20) return;
  context.drawImage(surfaceOf(view, box, map.ratio), box.x, box.y, box.width, box.height);
  const [[x0, x1], [y0, y1]] = header.domain;
  const ticks = (low, high, scale) => placeTicks(niceTicks(low, high, 5), scale);
  drawAxes(context, theme, box, ticks(x0, x1, scales.x), ticks(y0, y1, scales.y), (value) => String(Number(value.toPrecision(4))));
  drawFrame(context, theme, box);
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  for (const [x, y] of header.local_minima) drawStar(context, theme, scales.x(x), scales.y(y), 5, false);
  for (const [x, y] of header.minima) drawStar(context, theme, scales.x(x), scales.y(y), 8, true);
  drawStart(context, theme, ...startPixels(view));
  const order = [...view.trails].sort((a, b) => (a.k === view.chosen) - (b.k === view.chosen));
  for (const trail of order) drawTrail(view, context, trail);
  context.restore();
  for (const trail of order) drawHead(view, context, trail);
  if (view.trails[view.chosen]) drawArrows(view, context, view.trails[view.chosen]);
  if (!view.trails.length) {
    const words = { align: "center", colour: theme.text, size: 13, halo: true };
    write(context, theme, header.message || "The racers are on their way to the start …", box.x + box.width / 2, box.y + 22, words);
  }
}

function startPixels({ ghost, header, scales }) {
  const [x, y] = ghost ?? header.start;
  return [scales.x(x), scales.y(y)];
}

function drawStar(context, theme, x, y, r, full) {
  context.beginPath();
  for (let k = 0; k < 10; k += 1) {
    const [angle, reach] = [(Math.PI * k) / 5 - Math.PI / 2, k % 2 ? r * 0.45 : r];
    context.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  context.closePath();
  context.fillStyle = full ? (theme.dark ? "#ffe28a" : "#fff3bf") : rgb(theme.background, 0.7);
  context.fill();
  context.strokeStyle = theme.dark ? "#10151b" : "#3b3320";
  context.lineWidth = 1.2;
  context.stroke();
}

function drawStart(context, theme, x, y) {
  context.beginPath();
  context.arc(x, y, 8, 0, 2 * Math.PI);
  context.fillStyle = rgb(theme.background, 0.75);
  context.fill();
  context.strokeStyle = theme.text;
  context.lineWidth = 1.6;
  context.stroke();
  fillLine(context, theme.text, x - 3.5, y - 0.5, 8, 1);
  fillLine(context, theme.text, x - 0.5, y - 3.5, 1, 8);
}

/** A point of a trail in pixels, kept within what a canvas can draw; null where there is none. */
function pointAt({ scales }, { path }, k) {
  const [x, y] = [path[2 * k], path[2 * k + 1]];
  if (!Number.isFinite(x) || !Number.isFinite(y)) return null;
  return [clamp(scales.x(x), -5e3, 9e3), clamp(scales.y(y), -5e3, 9e3)];
}

/** The head of a trail between two steps, and the last place with a point. */
function headOf(view, trail) {
  const place = placeAt(view, trail, view.t);
  let k = Math.floor(place);
  while (k > 0 && !pointAt(view, trail, k)) k -= 1;
  const here = pointAt(view, trail, k);
  const next = k < trail.last && k === Math.floor(place) ? pointAt(view, trail, k + 1) : null;
  const s = place - k;
  return { k, place, at: next && s < 1 ? here.map((value, axis) => value + s * (next[axis] - value)) : here };
}

function drawTrail(view, context, trail) {
  const { k, at } = headOf(view, trail);
  context.beginPath();
  for (let step = 0; step <= k; step += 1) {
    const point = pointAt(view, trail, step);
    if (point) context.lineTo(...point);
  }
  context.lineTo(...at);
  context.lineJoin = context.lineCap = "round";
  const bold = trail.k === view.chosen ? 1 : 0;
  context.strokeStyle = rgb(view.theme.background, 0.8);
  context.lineWidth = 3.6 + bold;
  context.stroke();
  context.strokeStyle = racerColour(view, trail.k);
  context.lineWidth = 1.8 + 0.6 * bold;
  context.stroke();
  const spacing = trail.last <= 120 ? 1 : 0;
  if (!spacing) return;
  context.fillStyle = racerColour(view, trail.k);
  for (let step = 1; step <= k; step += 1) {
    const point = pointAt(view, trail, step);
    if (point) context.fillRect(point[0] - 1.3, point[1] - 1.3, 2.6, 2.6);
  }
}

function drawHead(view, context, trail) {
  const { box } = view.scales;
  const { at, place } = headOf(view, trail);
  const colour = racerColour(view, trail.k);
  const [x, y] = [clamp(at[0], box.x, box.x + box.width), clamp(at[1], box.y, box.y + box.height)];
  const outside = x !== at[0] || y !== at[1];
  const lost = trail.diverged_at != null && view.header.shown[Math.floor(place)] >= trail.diverged_at;
  context.beginPath();
  if (outside || lost) {
    const angle = Math.atan2(at[1] - y, at[0] - x);
    const corner = (turn, reach) => context.lineTo(x + reach * Math.cos(angle + turn), y + reach * Math.sin(angle + turn));
    if (outside) [0, 2.5, -2.5].forEach((turn) => corner(turn, 8));
    else [0.785, 2.356, 3.927, 5.498].forEach((turn) => (context.moveTo(x, y), corner(turn, 6)));
    if (outside) context.closePath();
  } else shapePath(context, trail.k, x, y, 5);
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = lost && !outside ? colour : view.theme.dark ? "#0c1117" : "#ffffff";
  context.lineWidth = lost && !outside ? 2.4 : 1.4;
  context.stroke();
  if (outside || lost) {
    const right = x > box.x + box.width / 2;
    const words = lost ? `diverged at step ${trail.diverged_at}` : "outside the picture";
    const place_ = clamp(y + (y < box.y + 20 ? 13 : -13), box.y + 8 + 13 * trail.k, box.y + box.height - 8);
    write(context, view.theme, words, x + (right ? -9 : 9), place_, {
      align: right ? "right" : "left", colour, size: 11, weight: 600, halo: true,
    });
  }
}

/** What the chosen racer works with at this step: where the gradient, the momentum and the update point. */
function drawArrows(view, context, trail) {
  const step = stepOf(view, trail);
  const from = pointAt(view, trail, step);
  if (!from || view.playing || view.ghost) return;
  const { box } = view.scales;
  if (from[0] < box.x || from[0] > box.x + box.width || from[1] < box.y || from[1] > box.y + box.height) return;
  for (const { name, sign, dash } of ARROWS_SHOWN) {
    const column = view.arrays[`${name}_${trail.k}`];
    if (!column) continue;
    const [dx, dy] = [sign * column[2 * step], sign * column[2 * step + 1]];
    const [px, py] = [view.scales.x(dx) - view.scales.x(0), view.scales.y(dy) - view.scales.y(0)];
    const length = Math.hypot(px, py);
    if (!(length > 0) || !Number.isFinite(length)) continue;
    const reach = name === "update" ? clamp(length, 14, 120) : 46;
    arrow(context, from, [from[0] + (px / length) * reach, from[1] + (py / length) * reach], arrowColour(view, name), dash, view);
  }
  const v = view.arrays[`v_${trail.k}`];
  if (!v) return;
  const [a, b] = [Math.sqrt(v[2 * step]), Math.sqrt(v[2 * step + 1])];
  const largest = Math.max(a, b);
  if (!(largest > 0)) return;
  context.beginPath();
  context.ellipse(from[0], from[1], Math.max(1.5, (30 * a) / largest), Math.max(1.5, (30 * b) / largest), 0, 0, 2 * Math.PI);
  context.setLineDash([3, 3]);
  context.strokeStyle = arrowColour(view, "v");
  context.lineWidth = 1.6;
  context.stroke();
  context.setLineDash([]);
}

const ARROWS_SHOWN = [
  { name: "grad", sign: -1, dash: [] },
  { name: "m", sign: -1, dash: [5, 3] },
  { name: "update", sign: 1, dash: [] },
];

function arrowColour({ theme }, name) {
  const { dark } = theme;
  return { grad: dark ? "#ff9d96" : "#b3261e", m: dark ? "#c9b6ff" : "#5b3fa8", v: dark ? "#8fd3ff" : "#1769aa", update: theme.text }[name];
}

function arrow(context, from, to, colour, dash, { theme }) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  const path = () => {
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(to[0] - 5 * Math.cos(angle), to[1] - 5 * Math.sin(angle));
  };
  context.strokeStyle = rgb(theme.background, 0.85);
  context.lineWidth = 5;
  path();
  context.stroke();
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 2.2;
  context.setLineDash(dash);
  path();
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  for (const turn of [0, 2.6, -2.6]) context.lineTo(to[0] + (turn ? 9 : 1) * Math.cos(angle + turn), to[1] + (turn ? 9 : 1) * Math.sin(angle + turn));
  context.closePath();
  context.fill();
}

// ---- choosing a start ----------------------------------------------------------------------------------------------

function listenMap(view) {
  const { canvas } = view.map;
  const placeOf = (event) => {
    const { box, toX, toY } = view.scales;
    const x = clamp(event.offsetX, box.x, box.x + box.width);
    const y = clamp(event.offsetY, box.y, box.y + box.height);
    return [toX(x), toY(y)];
  };
  canvas.onpointerdown = (event) => {
    if (!view.scales || event.button) return;
    canvas.setPointerCapture(event.pointerId);
    view.dragging = true;
    moveGhost(view, placeOf(event));
  };
  canvas.onpointermove = (event) => {
    if (!view.scales) return;
    if (view.dragging) moveGhost(view, placeOf(event));
    else tellPlace(view, placeOf(event), event);
  };
  canvas.onpointerup = () => {
    if (view.dragging) sendStart(view);
    view.dragging = false;
  };
  canvas.onpointercancel = () => {
    view.dragging = false;
    view.ghost = null;
    redrawSoon(view);
  };
  canvas.onpointerleave = () => hideTip(view);
  canvas.onkeydown = (event) => onMapKey(view, event);
}

function moveGhost(view, point) {
  hideTip(view);
  view.ghost = point;
  view.playing = false;
  redrawSoon(view);
}

/** Three digits more than a pixel resolves. */
function rounded(view, [x, y]) {
  const digits = view.header.domain.map(([low, high]) => Math.max(0, 3 - Math.floor(Math.log10(high - low))));
  return [Number(x.toFixed(digits[0])), Number(y.toFixed(digits[1]))];
}

function sendStart(view) {
  view.t = view.end; // the answer is drawn complete
  view.send("start", rounded(view, view.ghost));
}

function onMapKey(view, event) {
  if (!view.header) return;
  if (event.key === " ") {
    event.preventDefault();
    event.stopPropagation();
    toggle(view);
    return;
  }
  const arrow_ = STEP_KEYS[event.key];
  if (!arrow_) return;
  event.preventDefault();
  event.stopPropagation();
  const share = event.shiftKey ? 0.1 : 0.01;
  const [x, y] = view.ghost ?? view.header.start;
  const moved = [x, y].map((value, axis) => {
    const [low, high] = view.header.domain[axis];
    return clamp(value + arrow_[axis] * share * (high - low), low, high);
  });
  moveGhost(view, moved);
  const [a, b] = rounded(view, moved);
  say(view.said, `start ${a}, ${b}`);
  clearTimeout(view.settling);
  view.settling = setTimeout(() => view.ghost && sendStart(view), SETTLE);
}

function tellPlace(view, [x, y], event) {
  const [[x0, x1], [y0, y1]] = view.header.domain;
  const value = gridAt(view.arrays, (x - x0) / (x1 - x0), (y - y0) / (y1 - y0));
  const [a, b] = rounded(view, [x, y]);
  showTip(view, view.map, event.offsetX, event.offsetY, `x ${a}  y ${b}\nloss about ${formatLoss(value)}\nclick: start here`);
}

function showTip(view, panel, x, y, text) {
  say(view.tip, text);
  view.tip.dataset.shown = "true";
  const frame = panel.canvas.getBoundingClientRect();
  const outer = view.root.getBoundingClientRect();
  const left = frame.left - outer.left + x;
  const fits = left + 16 + view.tip.offsetWidth <= view.root.clientWidth;
  const top = clamp(frame.top - outer.top + y - view.tip.offsetHeight - 6, 0, view.root.clientHeight);
  view.tip.style.transform = `translate(${Math.round(fits ? left + 14 : left - 14 - view.tip.offsetWidth)}px, ${Math.round(top)}px)`;
}

const hideTip = (view) => (view.tip.dataset.shown = "false");

// ---- the curves ----------------------------------------------------------------------------------------------------

function curveScales(view) {
  const { curves, lossRange: range, end } = view;
  const box = { x: 44, y: 22, width: curves.width - 52, height: curves.height - 42 };
  const place = range.log
    ? linear(Math.log(range.low), Math.log(range.high), box.y + box.height, box.y)
    : linear(range.low, range.high, box.y + box.height, box.y);
  return {
    box,
    x: linear(0, end, box.x, box.x + box.width),
    y: (value) => {
      const shown = range.shown(value);
      if (!Number.isFinite(shown)) return NaN;
      return clamp(place(range.log ? Math.log(Math.max(shown, range.low)) : shown), box.y - 400, box.y + box.height + 400);
    },
    xTicks: niceTicks(0, end, 5),
    yTicks: range.log ? logTicks(range.low, range.high) : niceTicks(range.low, range.high, 5),
  };
}

function drawLossCurves(view) {
  const { curves, theme, header } = view;
  const context = fitRace(curves);
  const scales = curveScales(view);
  const { box } = scales;
  const title = !view.lossRange.log ? "loss" : header.floor === 0 ? "loss, log axis" : "loss above the lowest value, log axis";
  write(context, theme, title, box.x, 9, { colour: theme.text, weight: 600 });
  write(context, theme, header.budget === "gradients" ? "gradients" : "steps", box.x + box.width, 9, { align: "right" });
  const ratioTick = view.lossRange.log ? null : scales.y;
  const yAt = (value) => (ratioTick ? linear(view.lossRange.low, view.lossRange.high, box.y + box.height, box.y)(value)
    : linear(Math.log(view.lossRange.low), Math.log(view.lossRange.high), box.y + box.height, box.y)(Math.log(value)));
  drawAxes(context, theme, box, placeTicks(scales.xTicks, scales.x), scales.yTicks.map((value) => ({ at: yAt(value), value })), raceTick, true);
  fillLine(context, theme.line, box.x, box.y + box.height, box.width, 0);
  context.save();
  context.beginPath();
  context.rect(box.x - 5, box.y - 5, box.width + 10, box.height + 10);
  context.clip();
  for (const trail of view.trails) strokeLoss(view, context, scales, trail, trail.last, 0.22);
  for (const trail of view.trails) strokeLoss(view, context, scales, trail, placeAt(view, trail, view.t), 1);
  context.restore();
  if (!view.trails.length) return;
  fillLine(context, theme.muted, scales.x(view.t), box.y, 0, box.height);
  for (const trail of view.trails) markLoss(view, context, scales, trail);
}

const raceTick = (value) => {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(0).replace("e+", "e") : String(Number(value.toPrecision(3)));
};

const timeOf = (view, trail, k) => (view.header.budget === "gradients" ? trail.asked[k] : view.header.shown[k]);

function strokeLoss(view, context, { x, y }, trail, place, alpha) {
  const full = Math.floor(place);
  context.beginPath();
  for (let k = 0; k <= full; k += 1) {
    const at = y(trail.loss[k]);
    if (!Number.isFinite(at)) break;
    context.lineTo(x(timeOf(view, trail, k)), at);
  }
  const part = place - full;
  if (part > 0 && full < trail.last) {
    const [a, b] = [y(trail.loss[full]), y(trail.loss[full + 1])];
    if (Number.isFinite(a + b)) context.lineTo(x(view.t), a + part * (b - a));
  }
  context.globalAlpha = alpha;
  context.strokeStyle = racerColour(view, trail.k);
  context.lineWidth = trail.k === view.chosen ? 2.4 : 1.6;
  context.lineJoin = "round";
  context.stroke();
  context.globalAlpha = 1;
}

function markLoss(view, context, scales, trail) {
  const place = placeAt(view, trail, view.t);
  let k = Math.floor(place);
  while (k > 0 && !Number.isFinite(scales.y(trail.loss[k]))) k -= 1;
  const next = k < trail.last ? scales.y(trail.loss[k + 1]) : NaN;
  const at = scales.y(trail.loss[k]);
  const s = place - k;
  const y = clamp(Number.isFinite(next) && s < 1 ? at + s * (next - at) : at, scales.box.y, scales.box.y + scales.box.height);
  const lost = trail.diverged_at != null && view.header.shown[Math.floor(place)] >= trail.diverged_at;
  const x = lost || place >= trail.last ? scales.x(timeOf(view, trail, k)) : scales.x(view.t);
  context.beginPath();
  if (lost) for (const [dx, dy] of [[4, 4], [4, -4]]) (context.moveTo(x - dx, y - dy), context.lineTo(x + dx, y + dy));
  else shapePath(context, trail.k, x, y, 3.6);
  context.fillStyle = racerColour(view, trail.k);
  context.fill();
  context.strokeStyle = lost ? racerColour(view, trail.k) : rgb(view.theme.background);
  context.lineWidth = lost ? 2 : 1;
  context.stroke();
}

function listenCurves(view) {
  const { canvas } = view.curves;
  const timeAt = (event) => {
    const { box } = curveScales(view);
    return Math.round(clamp((event.offsetX - box.x) / box.width, 0, 1) * view.end);
  };
  let held = false;
  canvas.onpointerdown = (event) => {
    if (!view.header || event.button) return;
    canvas.setPointerCapture(event.pointerId);
    held = true;
    seek(view, timeAt(event));
  };
  canvas.onpointermove = (event) => {
    if (held) seek(view, timeAt(event));
  };
  canvas.onpointerup = canvas.onpointercancel = () => (held = false);
  canvas.onkeydown = (event) => {
    if (event.key === " ") toggle(view);
    else if (STEP_KEYS[event.key]) seek(view, Math.round(view.t) + STEP_KEYS[event.key][0] + 10 * STEP_KEYS[event.key][1]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

// ---- the scoreboard ------------------------------------------------------------------------------------------------

function buildBoard(view) {
  const { board, header } = view;
  board.replaceChildren();
  const table = node("table", "", board);
  say(node("caption", "rc-said", table), "Scoreboard: press a racer to see its step worked out");
  const head = node("tr", "", node("thead", "", table));
  const unit = header.budget === "gradients" ? "gradients" : "steps";
  const tolerance = Number(header.tolerance.toPrecision(3));
  const titles = [
    ["racer", "Press one to see its step worked out below"],
    ["loss now", "At the step shown"],
    ["final", `After ${header.steps} ${unit}`],
    [`within ${tolerance}`, "First step whose loss is so near to the lowest value, and the time spent in torch by then"],
    ["distance", "From the end to the nearest of the lowest points"],
  ];
  for (const [text, title] of titles) say(node("th", "", head, { scope: "col", title }), text);
  const body = node("tbody", "", table);
  view.rows = view.trails.map((trail) => {
    const row = node("tr", "", body);
    const name = node("th", "", row, { scope: "row" });
    const button = node("button", "rc-name", name, { type: "button", title: `${trail.label}: show its step worked out` });
    const mark = node("canvas", "rc-mark", button, { width: 28, height: 28, "aria-hidden": "true" });
    say(node("span", "", button), trail.label);
    button.onclick = () => {
      view.chosen = trail.k;
      redrawSoon(view);
    };
    const [now, final, reached, distance] = Array.from({ length: 4 }, () => node("td", "", row));
    const lost = trail.diverged_at != null;
    say(now, NONE);
    say(final, lost ? "diverged" : formatLoss(trail.loss[trail.last]));
    say(reached, lost ? `at step ${trail.diverged_at}` : reachedText(view, trail));
    say(distance, lost ? NONE : formatShort(trail.distance));
    if (lost) row.title = `Diverged: ${trail.diverged}. Loss at the end: ${formatLoss(trail.loss[trail.last])}.`;
    row.dataset.lost = String(lost);
    return { row, button, mark, now };
  });
}

function reachedText({ header }, trail) {
  if (header.floor == null) return NONE;
  if (trail.reached == null) return "not yet";
  const count = header.budget === "gradients" ? trail.reached_evaluations : trail.reached;
  return `${count.toLocaleString("en")} · ${Number((1000 * trail.reached_seconds).toPrecision(2))} ms`;
}

function fillBoard(view) {
  for (const [k, { row, button, mark, now }] of view.rows.entries()) {
    const trail = view.trails[k];
    say(now, formatLoss(trail.loss[Math.floor(placeAt(view, trail, view.t))]));
    button.setAttribute("aria-pressed", String(k === view.chosen));
    row.dataset.chosen = String(k === view.chosen);
    if (mark.dataset.theme === view.theme.key) continue;
    mark.dataset.theme = view.theme.key;
    const context = mark.getContext("2d");
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.clearRect(0, 0, 14, 14);
    context.beginPath();
    shapePath(context, k, 7, 7, 4.6);
    context.fillStyle = racerColour(view, k);
    context.fill();
  }
}

// ---- one step worked out -------------------------------------------------------------------------------------------

/** The step that is inspected: the one that begins at the place shown, or the last one. */
function stepOf(view, trail) {
  return Math.max(0, Math.min(Math.floor(placeAt(view, trail, view.t)), trail.last - 1));
}

const PRETTY = { m_hat: "m̂", v_hat: "v̂", eps: "ε", weight_decay: "λ", lr: "lr", mean_g: "ḡ" };
const SHOWN_NUMBERS = [
  ["grad", "gradient (arrow: against it)"],
  ["m", "momentum m (dashed: against it)"],
  ["v", "second moment v (ellipse: its root)"],
  ["update", "update (arrow)"],
];

function plainNumber(value) {
  if (!Number.isFinite(value)) return "nan";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
  return text.replace("-", "−").replace("e-", "e−").replace("e+", "e");
}

const prettyRule = (text) => text.replaceAll(" * ", " · ").replaceAll("sqrt", "√").replaceAll(" - ", " − ").replaceAll("**2", "²");

function written(view, trail, step, axis) {
  const text = trail.rule.replace(/[a-z_][a-z_0-9]*/gi, (name) => {
    if (name === "sqrt") return name;
    const column = view.arrays[`n_${name}_${trail.k}`];
    const value = column ? column[column.shape.length > 1 ? 2 * step + axis : step] : trail.constants[name];
    if (value == null) return name;
    const number = plainNumber(value);
    return number.startsWith("−") ? `(${number})` : number;
  });
  return prettyRule(text);
}

function fillInspect(view) {
  const trail = view.trails[view.chosen];
  const key = trail ? `${view.root.dataset.race} ${trail.k} ${stepOf(view, trail)} ${view.theme.key} ${Math.floor(view.t)}` : "none";
  if (view.inspected === key) return;
  view.inspected = key;
  const { inspect } = view;
  inspect.replaceChildren();
  if (!trail) return;
  const step = stepOf(view, trail);
  const real = view.header.shown[step];
  const title = node("div", "rc-title", inspect);
  const dot = node("span", "rc-dot", title);
  dot.style.background = racerColour(view, trail.k);
  say(node("strong", "", title), `${trail.label} · step ${real + 1}`);
  say(node("code", "", title), `w ← ${prettyRule(trail.rule).replace(/[a-z_]+(_hat|_g)?/gi, (name) => PRETTY[name] ?? name)}`);
  const columns = node("div", "rc-worked", inspect);
  const lines = node("div", "rc-lines", columns);
  const known = view.arrays;
  const at = (name, axis) => known[`${name}_${trail.k}`]?.[2 * step + axis];
  ["x", "y"].forEach((name, axis) => {
    const line = node("code", "rc-line", lines);
    const next = trail.path[2 * step + axis] + at("update", axis);
    say(line, `${name}: ${written(view, trail, step, axis)} = ${plainNumber(next)}`);
  });
  const meanings = Object.entries(trail.meaning).map(([name, words]) => `${PRETTY[name] ?? name}: ${words}`);
  say(node("div", "rc-meaning", lines), meanings.join(" · ") || "w is the point, g the gradient, lr the learning rate");
  const numbers = node("div", "rc-numbers", columns);
  for (const [name, label] of SHOWN_NUMBERS) {
    if (at(name, 0) === undefined) continue;
    const cell = node("div", "", numbers);
    const term = node("span", "rc-term", cell);
    say(term, label);
    term.style.color = arrowColour(view, name);
    say(node("span", "rc-value", cell), `${plainNumber(at(name, 0))}, ${plainNumber(at(name, 1))}`);
  }
  const asked = view.header.shown[step + 1] === real + 1 ? trail.asked[step + 1] - trail.asked[step] : 1;
  if (asked === 1) return;
  const cell = node("div", "", numbers);
  say(node("span", "rc-term", cell), "gradients in this step");
  say(node("span", "rc-value", cell), String(asked));
}

function labelCanvases(view) {
  const { header, map, curves, trails } = view;
  const ends = trails.map((trail) => trail.diverged_at != null
    ? `${trail.label} diverged at step ${trail.diverged_at}` : `${trail.label} ends at loss ${formatLoss(trail.loss[trail.last])}`);
  const [x, y] = header.start;
  map.canvas.setAttribute("aria-label", `Contour map of ${header.label} with ${trails.length} trails from ${x}, ${y}. `
    + `${ends.join("; ")}. Arrow keys move the start, with Shift further; space plays.`);
  curves.canvas.setAttribute("aria-label", `Loss over ${header.budget}. ${ends.join("; ")}. Arrow keys move in time; space plays.`);
}

/** Offers `draw` to the race on the page, and draws what has been waiting for it. */
export default function install({ data: { version, style } }) {
  const race = ((globalThis.playgroundRace ??= {})[version] ??= { waiting: [] });
  race.draw ??= (mount) => drawRace(style, mount);
  race.waiting.splice(0).forEach(race.draw);
}
