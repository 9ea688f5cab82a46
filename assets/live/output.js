/* The output: which picture it is, its title, the field it is drawn in, and what the pointer reads there. */

const TITLE = 16; // px for the title
const AXIS = { left: 30, bottom: 18 }; // px for the numbers along the axes

/** The square (or wide) field that the output is drawn in, and where its legend starts. */
function outputBox(panel, arrays) {
  const above = arrays?.continued ? Math.round(panel.height * 0.42) : 0; // the continuation stands there
  const size = panel.height - above - TITLE - AXIS.bottom;
  return { x: AXIS.left, y: above + TITLE, width: size, height: size };
}

function outputKind({ header, arrays }) {
  if (header.view !== "table") return header.view;
  return arrays.confusion ? "confusion" : arrays.scatter ? "scatter" : "none";
}

/** The unit whose map stands in for the output while it is in focus. */
function focusedUnit({ focus, arrays }) {
  return focus?.kind === "node" && arrays[`map_${focus.column}`] ? focus : null;
}

function outputTitle(view) {
  const { header } = view;
  const unit = focusedUnit(view);
  if (unit) return `${unitName(header, unit.column, unit.unit)} of ${header.columns[unit.column].title}`;
  if (view.drawing) return "Click to add a point, drag to move one";
  if (header.view === "plane" && header.columns.length && isBent(view)) return bentTitle(view);
  if (header.trace) return traceTitle(view);
  const titles = {
    plane: isBinary(header)
      ? `Probability of ${className(header, 1)}`
      : header.task === "classification"
        ? "Most likely class (stronger: surer)"
        : "Predicted value",
    line: "Prediction along x",
    confusion: `Confusion matrix, ${header.confusion_split ?? "validation"}`,
    scatter: view.arrays.continued ? "Going on by itself" : "Predicted against true value",
    none: "Output",
  };
  const marked = header.view === "plane" && isShown(view, "errors") ? markedWords(view) : "";
  if (view.root.dataset.marked !== marked) view.root.dataset.marked = marked;
  return titles[outputKind(view)] + (marked && ` · ${marked}`);
}

function drawOutput(view, panel, context) {
  const { theme } = view;
  const title = { colour: theme.text, weight: 600, room: panel.width - AXIS.left };
  write(context, theme, outputTitle(view), AXIS.left, 7, title);
  const box = outputBox(panel, view.arrays);
  if (view.arrays.continued) drawContinued(view, panel, context, box);
  panel.field = box;
  const drawKind = { plane: drawPlane, line: drawLine, confusion: drawConfusion, scatter: drawScatter };
  drawKind[outputKind(view)]?.(view, panel, context, box);
}

const DESCRIBE_OUTPUT = {
  plane: describePlane,
  line: describeLine,
  confusion: describeConfusion,
  scatter: describeScatter,
};

function hitOutput(view, panel, x, y) {
  const { field } = panel;
  const u = (x - field?.x) / field?.width;
  const v = (y - field?.y) / field?.height;
  if (!(u >= 0 && u <= 1 && v >= 0 && v <= 1)) return null;
  if (!field.count) return { panel: "output", kind: "place", u, v };
  const at = (share) => Math.min(field.count - 1, Math.floor(share * field.count));
  return { panel: "output", kind: "cell", row: at(v), column: at(u) };
}

function describeOutput(view, panel) {
  const { field } = panel;
  const { focus } = view;
  const [u, v] =
    focus.kind === "cell" ? [(focus.column + 0.5) / field.count, (focus.row + 0.5) / field.count] : [focus.u, focus.v];
  const text = DESCRIBE_OUTPUT[outputKind(view)]?.(view) ?? "";
  return { x: field.x + u * field.width, y: field.y + v * field.height, text };
}

function pressOutput(view, panel, event) {
  if (view.drawing) pressDrawing(view, panel, event);
  else view.press = { x: event.clientX, y: event.clientY };
}

const dragOutput = (view, panel, event) => view.drawing && dragDrawing(view, panel, event);

/** A click, not a drag: the place is traced. */
function releaseOutput(view, panel, event) {
  if (view.drawing) releaseDrawing(view);
  const { press } = view;
  view.press = null;
  if (!press || Math.hypot(event.clientX - press.x, event.clientY - press.y) >= DRAG_FROM) return;
  toggleTrace(view, hitOutput(view, panel, event.offsetX, event.offsetY));
}
