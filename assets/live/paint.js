/* What several pictures draw with: words, axes, marks, buffers of pixels. */

function setFont(context, theme, size, weight = 400) {
  const font = `${weight} ${size}px ${theme.font}`;
  if (context.pgFont === font) return; // parsing a font costs more than comparing its text
  context.font = font;
  context.pgFont = font;
}

function write(context, theme, text, x, y, options = {}) {
  const { align = "left", colour = theme.muted, size = 11, weight, room, halo } = options;
  setFont(context, theme, size, weight);
  context.textAlign = align;
  context.textBaseline = "middle";
  if (halo) {
    context.strokeStyle = rgb(theme.background);
    context.lineWidth = 4;
    context.strokeText(text, x, y);
  }
  context.fillStyle = colour;
  context.fillText(room ? elide(context, text, room) : text, x, y);
}

function elide(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let kept = text;
  while (kept.length > 1 && context.measureText(`${kept}…`).width > room) kept = kept.slice(0, -1);
  return `${kept.trimEnd()}…`;
}

/** Corners (x, y, x, y ...) of the classes' shapes after the circle: class is never told by colour alone. */
const POLYGONS = [
  [-0.9, -0.9, 0.9, -0.9, 0.9, 0.9, -0.9, 0.9],
  [0, -1.2, 1.1, 0.8, -1.1, 0.8],
  [0, -1.3, 1.3, 0, 0, 1.3, -1.3, 0],
  [0, 1.2, 1.1, -0.8, -1.1, -0.8],
  [
    -0.7, -1.1, 0, -0.4, 0.7, -1.1, 1.1, -0.7, 0.4, 0, 1.1, 0.7, 0.7, 1.1, 0, 0.4, -0.7, 1.1, -1.1, 0.7, -0.4, 0, -1.1,
    -0.7,
  ],
];

function shapePath(context, index, x, y, r) {
  const shape = index % (POLYGONS.length + 1);
  if (shape === 0) {
    context.moveTo(x + r, y);
    context.arc(x, y, r, 0, 2 * Math.PI);
    return;
  }
  const corners = POLYGONS[shape - 1];
  context.moveTo(x + corners[0] * r, y + corners[1] * r);
  for (let k = 2; k < corners.length; k += 2) context.lineTo(x + corners[k] * r, y + corners[k + 1] * r);
  context.closePath();
}

/** Training samples are filled, validation samples hollow; where the fill is a value, they get a strong outline. */
function paintMarks(context, theme, colour, validation, valued = false) {
  const hollow = validation && !valued;
  context.fillStyle = hollow ? rgb(theme.background) : colour;
  context.strokeStyle = hollow ? colour : validation ? theme.text : theme.outline;
  context.lineWidth = hollow ? 1.5 : validation ? 1.2 : 0.8;
  context.fill();
  context.stroke();
}

function drawFrame(context, theme, box) {
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(box.x - 0.5, box.y - 0.5, box.width + 1, box.height + 1);
}

/** Where each tick stands on its scale. */
const placeTicks = (values, scale) => values.map((value) => ({ at: scale(value), value }));

/** Tick numbers left of and under a box; `grid` adds faint lines. */
function drawAxes(context, theme, box, xTicks, yTicks, format = formatTick, grid = false) {
  for (const { at, value } of yTicks) {
    write(context, theme, format(value, "y"), box.x - 5, at, { align: "right", size: 10 });
    if (grid) fillLine(context, theme.grid, box.x, at, box.width, 0);
  }
  for (const { at, value } of xTicks) {
    write(context, theme, format(value, "x"), at, box.y + box.height + 9, { align: "center", size: 10 });
    if (grid) fillLine(context, theme.grid, at, box.y, 0, box.height);
  }
}

function fillLine(context, colour, x, y, width, height) {
  context.fillStyle = colour;
  context.fillRect(Math.round(x), Math.round(y), width || 1, height || 1);
}

const linear = (low, high, start, end) => (value) => start + ((value - low) / (high - low || 1)) * (end - start);

function drawRing(context, theme, x, y, r) {
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.strokeStyle = theme.text;
  context.lineWidth = 1.5;
  context.stroke();
}

/** An offscreen canvas of the given size with its pixels, kept and refilled. */
function pixelBuffer(kept, width, height) {
  if (kept?.canvas.width === width && kept.canvas.height === height) return kept;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  return { canvas, context, image, pixels: new Uint32Array(image.data.buffer) };
}

/** Draws a grid of samples over a box; the outermost samples lie on its edge, as they do in the data. */
function drawSamples(context, canvas, top, rows, columns, x, y, width, height) {
  context.drawImage(canvas, 0.5, top + 0.5, columns - 1, rows - 1, x, y, width, height);
}

const flush = ({ context, image }) => context.putImageData(image, 0, 0);
