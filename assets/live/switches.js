/* The small switches beside the surface. What they are set to stays in the view. */

const SWITCHES = {
  discrete: { text: "discrete", title: "Show the class (or the sign) instead of how sure the network is" },
  errors: { text: "errors", title: "Ring the points that the network gets wrong (dashed: right, but unsure), and hatch where it is unsure" },
  lines: { text: "zero lines", title: "Where each unit of the first layer is zero before its activation" },
  bend: { text: "hidden space", title: "The plane as two units of a layer see it" },
};

function buildSwitches(view) {
  const box = element("div", "pg-switches", view.root, { role: "toolbar", "aria-label": "The surface" });
  view.shows = {};
  const make = (name, text, title, onclick) => {
    const button = element("button", "pg-switch", box, { type: "button", "aria-pressed": "false", title, "data-name": name });
    setText(button, text);
    button.onclick = onclick;
    return button;
  };
  const buttons = Object.fromEntries(
    Object.entries(SWITCHES).map(([name, { text, title }]) => [
      name,
      make(name, text, title, () => {
        view.shows[name] = !view.shows[name];
        markSwitches(view);
        schedule(view, PANELS);
      }),
    ]),
  );
  buttons.points = make("points", "edit points", "Add, move, relabel and remove points; training starts anew", () => toggleDrawing(view));
  return { box, buttons };
}

/** Which switches there are for the present picture, and which are on. */
function markSwitches(view) {
  const { header, switches } = view;
  const classes = header.task === "classification";
  const plane = header.view === "plane" && Boolean(view.arrays.surface);
  const offered = { discrete: plane, errors: plane && classes, lines: plane && hasPlainInputs(header), points: plane };
  offered.bend = plane && bendable(header).length > 0;
  for (const [name, button] of Object.entries(switches.buttons)) {
    const shown = offered[name] && !(view.drawing && name === "points");
    if (button.hidden === shown) button.hidden = !shown;
    const on = String(Boolean(name === "points" ? view.drawing : view.shows[name]));
    if (button.getAttribute("aria-pressed") !== on) button.setAttribute("aria-pressed", on);
  }
  const hidden = String(Boolean(view.drawing));
  if (switches.box.dataset.drawing !== hidden) switches.box.dataset.drawing = hidden;
}

/** Whether the first layer with units sees x and y themselves, and not what another layer has made of them. */
const hasPlainInputs = ({ columns }) =>
  columns.length > 1 && columns[0].title === "input" && columns[0].labels.join() === "x,y";

/** Whether a switch is on and has something to show. */
const isShown = (view, name) => view.shows[name] && !view.switches.buttons[name].hidden;

/** Where each unit of the first layer is zero: w1 x + w2 y + b = 0, thick for the unit in focus. */
function drawZeroLines(view, context, box) {
  const { arrays, header, theme, focus } = view;
  const weights = weightsInto(view, 1);
  if (!weights) return;
  const [low, high] = header.domain;
  const toX = linear(low, high, box.x, box.x + box.width);
  const toY = linear(low, high, box.y + box.height, box.y);
  const only = focus?.kind === "node" && focus.column === 1 ? focus.unit : null;
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  for (let unit = 0; unit < weights.shape[0]; unit += 1) {
    const ends = zeroLine(weights[2 * unit], weights[2 * unit + 1], arrays.bias_1?.[unit] ?? 0, low, high);
    if (!ends) continue;
    context.globalAlpha = only == null || only === unit ? 0.9 : 0.25;
    context.lineWidth = only === unit ? 2.5 : 1.2;
    context.strokeStyle = theme.text;
    context.beginPath();
    context.moveTo(toX(ends[0]), toY(ends[1]));
    context.lineTo(toX(ends[2]), toY(ends[3]));
    context.stroke();
  }
  context.restore();
}

/** Two points of a x + b y + c = 0 on the far sides of the plane; null if it does not cross it. */
function zeroLine(a, b, c, low, high) {
  if (!(Math.abs(a) + Math.abs(b) > 0)) return null;
  if (Math.abs(a) > Math.abs(b)) return [(-c - b * low) / a, low, (-c - b * high) / a, high];
  return [low, (-c - a * low) / b, high, (-c - a * high) / b];
}

/** Indices of the points that the network gets wrong, and of the others of which it is unsure. */
function markedPoints({ arrays: { wrong, points, surface, confidence } }) {
  const marked = { wrong: [], unsure: [] };
  if (!wrong || !points || !surface) return marked;
  const [rows, columns] = surface.shape;
  for (let k = 0; k < points.length / POINT; k += 1) {
    const column = Math.min(columns - 1, Math.floor((points[k * POINT] / 255) * columns));
    const row = Math.min(rows - 1, Math.floor((1 - points[k * POINT + 1] / 255) * rows));
    if (wrong[k >> 3] & (128 >> (k & 7))) marked.wrong.push(k);
    else if (isUnsure({ surface, confidence }, row * columns + column)) marked.unsure.push(k);
  }
  return marked;
}

/** A ring around every point that the network gets wrong, and a dashed one where it is right and unsure. */
function drawErrors(view, context, box) {
  const marked = markedPoints(view);
  const ring = (points, colour, dash) => {
    context.beginPath();
    for (const k of points) {
      const x = box.x + (view.arrays.points[k * POINT] / 255) * box.width;
      const y = box.y + (1 - view.arrays.points[k * POINT + 1] / 255) * box.height;
      context.moveTo(x + 6, y);
      context.arc(x, y, 6, 0, 2 * Math.PI);
    }
    context.strokeStyle = colour;
    context.setLineDash(dash);
    context.stroke();
  };
  context.save();
  context.lineWidth = 1.8;
  ring(marked.unsure, view.theme.text, [2.4, 2.4]);
  ring(marked.wrong, view.theme.danger, []);
  context.restore();
}

/** How many points have a ring, in words. */
function markedWords(view) {
  const { wrong, unsure } = markedPoints(view);
  return `${wrong.length} wrong, ${unsure.length} unsure`;
}
