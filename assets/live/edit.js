/* Weights and biases by hand: dragged up and down, or typed into a small form beside the edge or the unit. */

const LARGEST = 1e6; // a parameter can be set to, either way
const DRAG_FROM = 4; // px, from which a press is a drag
const PER_PIXEL = 0.02; // what a parameter changes by while it is dragged; with Shift a tenth

/** The parameter under a focus: {column, unit, input}, input null for the bias; null where there is none. */
function parameterAt(view, focus) {
  if (focus?.kind === "edge") return { column: focus.column, unit: focus.to, input: focus.from };
  if (focus?.kind !== "node" || !weightsInto(view, focus.column)) return null;
  return { column: focus.column, unit: focus.unit, input: null };
}

function parameterValue({ arrays }, { column, unit, input }) {
  if (input == null) return arrays[`bias_${column}`]?.[unit];
  const weights = arrays[`weight_${column}`];
  return weights?.[unit * weights.shape[1] + input];
}

/** Where a parameter stands among the gradients and updates: each layer's weights row by row, then its biases. */
function flatIndex({ header, arrays }, { column, unit, input }) {
  let start = 0;
  for (let c = 1; c < header.columns.length; c += 1) {
    const weights = arrays[`weight_${c}`];
    if (!weights) continue;
    if (c === column) return start + (input == null ? weights.length + unit : unit * weights.shape[1] + input);
    start += weights.length + weights.shape[0];
  }
  return -1;
}

/** Gradient and last update of a parameter, in words. */
function describeChange(view, parameter) {
  const { arrays, header } = view;
  const at = flatIndex(view, parameter);
  const gradient = arrays.gradients?.[at];
  const update = arrays.updates?.[at];
  if (isNumber(gradient)) {
    const last = isNumber(update) ? `, last update ${formatShort(update)}` : "";
    return `gradient ${formatShort(gradient)}${last}`;
  }
  return header.status === "playing" ? "pause to see its gradient" : "no gradient yet";
}

function setParameter(view, parameter, value, soon = false) {
  const { column, unit, input } = parameter;
  const target = view.arrays[input == null ? `bias_${column}` : `weight_${column}`];
  if (!target) return; // the network has changed under the pointer
  target[input == null ? unit : unit * target.shape[1] + input] = value; // seen at once; the true picture follows
  schedule(view, ["network", "output"]);
  const message = { what: input == null ? "bias" : "weight", column, unit, input, value };
  (soon ? sendSoon : send)(view, `set ${column} ${unit} ${input}`, message);
}

// -- by dragging ---------------------------------------------------------------------------------------------------

function pressNetwork(view, panel, event) {
  closeEditor(view);
  const parameter = parameterAt(view, hitNetwork(view, panel, event.offsetX, event.offsetY, event.pointerType));
  view.press = parameter && { parameter, y: event.clientY, start: parameterValue(view, parameter), moved: false };
}

/** True while a parameter is being dragged. */
function dragNetwork(view, panel, event) {
  const { press } = view;
  if (!press || !(event.buttons & 1) || event.pointerType === "touch") return false;
  const up = press.y - event.clientY;
  if (!press.moved && Math.abs(up) < DRAG_FROM) return false;
  if (!press.moved) {
    press.moved = true;
    panel.canvas.setPointerCapture(event.pointerId);
  }
  const value = press.start + up * PER_PIXEL * (event.shiftKey ? 0.1 : 1);
  press.value = Number(clamp(value, -LARGEST, LARGEST).toFixed(4));
  setParameter(view, press.parameter, press.value, true);
  return true;
}

function releaseNetwork(view) {
  const { press } = view;
  view.press = null;
  if (!press) return;
  if (press.moved) setParameter(view, press.parameter, press.value);
  else openEditor(view, press.parameter);
}

// -- by typing -----------------------------------------------------------------------------------------------------

function buildEditor(view) {
  const form = element("form", "pg-editor", view.root, { "aria-label": "Set a weight or a bias", "data-shown": "false" });
  const pick = element("select", "pg-pick", form, { "aria-label": "Which weight or bias" });
  const field = element("input", "pg-field", form, { type: "number", step: "0.1", "aria-label": "Value" });
  const note = element("div", "pg-note", form, { "aria-live": "polite" });
  form.noValidate = true;
  form.onsubmit = (event) => {
    event.preventDefault();
    commitEditor(view);
  };
  form.onkeydown = (event) => {
    event.stopPropagation(); // the page's own keys are not meant here
    if (event.key === "Escape") closeEditor(view, true);
  };
  form.onkeyup = form.onkeypress = (event) => event.stopPropagation();
  form.onfocusout = (event) => form.contains(event.relatedTarget) || closeEditor(view);
  field.onchange = () => commitEditor(view);
  pick.onchange = () => {
    view.edited.input = pick.value === "bias" ? null : Number(pick.value);
    fillEditor(view);
    schedule(view, ["network"]);
  };
  return { form, pick, field, note };
}

function openEditor(view, parameter) {
  const { form, pick, field } = view.editor;
  const { header } = view;
  const { column, unit } = parameter;
  const known = isNumber(parameterValue(view, { column, unit, input: null }));
  const choices = known ? [["bias", `bias of ${unitName(header, column, unit)}`]] : [];
  for (let from = 0; from < header.columns[column - 1].shown; from += 1) {
    const names = `${unitName(header, column - 1, from)} → ${unitName(header, column, unit)}`;
    choices.push([String(from), `weight ${names}`]);
  }
  pick.replaceChildren(...choices.map(([value, text]) => Object.assign(new Option(text, value))));
  view.edited = { ...parameter };
  pick.value = parameter.input == null ? "bias" : String(parameter.input);
  form.dataset.shown = "true";
  fillEditor(view);
  placeEditor(view);
  view.focus = null;
  schedule(view, ["network", "output"]);
  field.focus({ preventScroll: true });
  field.select();
}

function fillEditor(view) {
  const { field, note } = view.editor;
  view.committed = Number(parameterValue(view, view.edited).toPrecision(6));
  field.value = String(view.committed);
  setText(note, describeChange(view, view.edited));
}

/** Sets what stands in the field, once, if it is a number within the limits. */
function commitEditor(view) {
  const { field, note } = view.editor;
  if (!view.edited) return;
  const value = Number(field.value);
  if (field.value.trim() === "" || !(Math.abs(value) <= LARGEST)) {
    setText(note, `Type a number from −1,000,000 to 1,000,000.`);
    return;
  }
  if (value === view.committed) return;
  view.committed = value;
  setParameter(view, view.edited, value);
  setText(note, "Set: training goes on from here.");
}

function closeEditor(view, back = false) {
  if (!view.edited) return;
  view.edited = null;
  view.editor.form.dataset.shown = "false";
  if (back) view.panels.network.canvas.focus({ preventScroll: true });
  schedule(view, ["network", "output"]);
}

/** What is being edited may be gone after a change of the network. */
function dropStaleEditor(view) {
  if (view.edited && !isNumber(parameterValue(view, view.edited))) closeEditor(view);
}

function placeEditor(view) {
  const { form } = view.editor;
  if (!view.edited) return;
  const { places, box } = view.panels.network;
  const { column, unit, input } = view.edited;
  const right = places?.[column];
  const left = places?.[column - 1];
  if (!right) return;
  const y = input == null ? right.ys[unit] : (left.ys[input] + right.ys[unit]) / 2;
  const x = input == null ? right.x : (left.x + right.x) / 2;
  const most = view.root.clientWidth - form.offsetWidth;
  const from = clamp(box.offsetLeft + x - box.scrollLeft - form.offsetWidth / 2, 0, Math.max(0, most));
  const above = box.offsetTop + y - form.offsetHeight - 16;
  const top = above > box.offsetTop ? above : box.offsetTop + y + 26;
  form.style.transform = `translate(${Math.round(from)}px, ${Math.round(top)}px)`;
}
