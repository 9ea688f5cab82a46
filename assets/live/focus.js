/* What the visitor points at, by pointer, touch or arrow keys, and the tooltip that tells about it. */

const FOCUS_AT = { network: hitNetwork, output: hitOutput, curves: hitCurves };
const DESCRIBE = { network: describeNetwork, output: describeOutput, curves: describeCurves };

function focusOn(view, name, focus, event) {
  if (!view.header) return;
  if (focus?.kind === "edge" && event) Object.assign(focus, { x: event.offsetX, y: event.offsetY });
  if (!focus && view.focus?.panel !== name) return;
  view.focus = focus;
  view.panels[name].canvas.style.cursor = focus ? "crosshair" : "";
  schedule(view, name === "network" ? ["network", "output"] : [name]);
}

/** After a change of the network or of the data, what was pointed at may be gone. */
function dropStaleFocus(view) {
  const { focus, arrays } = view;
  const { columns } = view.header;
  const gone = {
    node: () => focus.unit >= (columns[focus.column]?.shown ?? 0),
    edge: () =>
      focus.to >= (columns[focus.column]?.shown ?? 0) ||
      focus.from >= columns[focus.column - 1].shown ||
      !weightsInto(view, focus.column),
    cell: () => focus.row >= (arrays.confusion?.shape[0] ?? 0) || focus.column >= (arrays.confusion?.shape[0] ?? 0),
    place: () => Boolean(arrays.confusion),
    step: () => !arrays.curve_step?.length,
  };
  if (focus && gone[focus.kind]()) view.focus = null;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function onKey(view, name, event) {
  if (!view.header) return;
  if (name === "output" && view.drawing && keyDrawing(view, event)) return;
  if (event.key === "Escape") {
    focusOn(view, name, null);
    if (name === "output") endTrace(view);
    if (name === "curves") unzoom(view);
  }
  if (event.key === "Enter") {
    event.preventDefault();
    event.stopPropagation();
    actOn(view, name, view.focus);
  }
  const arrow = ARROWS[event.key];
  if (!arrow && !(name === "curves" && zoomByKey(view, event.key))) return;
  event.preventDefault();
  event.stopPropagation();
  if (!arrow) return;
  const current = view.focus?.panel === name ? view.focus : null;
  focusOn(view, name, MOVE[name](view, current, ...arrow));
  view.toSay = true;
}

/** What Enter does to what is in focus, as a click would. */
function actOn(view, name, focus) {
  if (focus?.panel !== name) return;
  const parameter = name === "network" && parameterAt(view, focus);
  if (parameter) openEditor(view, parameter);
  if (name === "output") toggleTrace(view, focus);
}

function moveNetwork(view, focus, dx, dy) {
  const { columns } = view.header;
  if (focus?.kind !== "node") return { panel: "network", kind: "node", column: 0, unit: 0 };
  const column = clamp(focus.column + dx, 0, columns.length - 1);
  return { panel: "network", kind: "node", column, unit: clamp(focus.unit + dy, 0, columns[column].shown - 1) };
}

function moveOutput(view, focus, dx, dy) {
  const count = view.arrays.confusion?.shape[0];
  const step = (value, by, last) => clamp(value + by, 0, last);
  if (count) {
    const [row, column] = focus ? [step(focus.row, dy, count - 1), step(focus.column, dx, count - 1)] : [0, 0];
    return { panel: "output", kind: "cell", row, column };
  }
  const [u, v] = focus ? [step(focus.u, dx / 24, 1), step(focus.v, dy / 24, 1)] : [0.5, 0.5];
  return { panel: "output", kind: "place", u, v };
}

function moveCurves(view, focus, dx) {
  const last = Math.max(1, (view.arrays.curve_step?.length ?? 1) - 1);
  return { panel: "curves", kind: "step", u: focus ? clamp(focus.u + dx / last, 0, 1) : 1, plot: focus?.plot ?? 0 };
}

const MOVE = { network: moveNetwork, output: moveOutput, curves: moveCurves };

/** The tooltip stands beside what is in focus and keeps telling its newest value. */
function placeTip(view) {
  const { tip, root, focus } = view;
  const panel = focus && view.panels[focus.panel];
  const told = panel && DESCRIBE[focus.panel](view, panel);
  tip.dataset.shown = String(Boolean(told?.text));
  if (!told?.text) return;
  setText(tip, told.text);
  if (view.toSay) setText(view.said, told.text); // aloud only what a key was pressed for
  view.toSay = false;
  const x = panel.box.offsetLeft + told.x - panel.box.scrollLeft;
  const y = panel.box.offsetTop + told.y;
  const fits = x + 14 + tip.offsetWidth <= root.clientWidth;
  const left = fits ? x + 14 : Math.max(0, x - 14 - tip.offsetWidth);
  const top = clamp(y - tip.offsetHeight - 8, 0, Math.max(0, root.clientHeight - tip.offsetHeight));
  tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}
