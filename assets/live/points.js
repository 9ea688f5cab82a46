/* Own points: added, moved, relabelled and removed on the surface, by pointer, touch or keys. */

const DRAWN = { low: -6, high: 6, cells: 1200, most: 500, fewest: 2, classes: 100, offered: 6 };
const TEN = 10; // classes that a point's characters can tell apart; a mark says which ten comes
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
const GRAB = { mouse: 8, touch: 18 }; // px within which a point is taken
const REMEMBERED = 40; // drawings sent lately: pictures that bring one of them back are no news
const KEY_STEP = 1 / 48; // of the plane, that an arrow moves the cursor

// -- their text, as playground/catalog/points.py writes it ---------------------------------------------------------

const side = DRAWN.cells + 1;

const charactersOf = (number) => [18, 12, 6, 0].map((shift) => ALPHABET[(number >> shift) & 63]).join("");

function pointsToText(points) {
  let text = "";
  let ten = 0;
  for (const { i, j, label } of points) {
    if (Math.floor(label / TEN) !== ten) {
      ten = Math.floor(label / TEN);
      text += charactersOf(TEN * side * side + ten);
    }
    text += charactersOf(((label % TEN) * side + i) * side + j);
  }
  return text;
}

function pointsFromText(text) {
  const points = [];
  let ten = 0;
  for (let start = 0; start < text.length; start += 4) {
    const number = [0, 1, 2, 3].reduce((sum, k) => sum * 64 + ALPHABET.indexOf(text[start + k]), 0);
    const cells = number % (side * side);
    const label = Math.floor(number / (side * side));
    if (label === TEN) ten = cells;
    else points.push({ label: ten * TEN + label, i: Math.floor(cells / side), j: cells % side });
  }
  return points;
}

// -- the tools beside the surface ----------------------------------------------------------------------------------

function buildTools(view) {
  const box = element("div", "pg-tools", view.root, { role: "toolbar", "aria-label": "Draw points", "data-shown": "false" });
  const button = (text, title, onclick, parent = box) => {
    const made = element("button", "pg-tool", parent, { type: "button", title, "aria-label": title });
    setText(made, text);
    made.onclick = onclick;
    return made;
  };
  const palette = element("div", "pg-palette", box);
  const classes = [];
  const offer = (count) => {
    while (classes.length < Math.min(count, DRAWN.classes)) {
      const label = classes.length;
      const made = button("", `Class ${label}`, () => chooseTool(view, label), palette);
      made.append(element("canvas", "", made, { width: 36, height: 36, "aria-hidden": "true" }));
      classes.push(made);
    }
  };
  const erase = button("erase", "Erase points", () => chooseTool(view, "erase"));
  const clear = button("clear", "Remove all points", () => changeDraft(view, () => (view.draft = [])));
  const done = button("done", "Stop editing points", () => leaveDrawing(view));
  const count = element("div", "pg-count", box, { "aria-live": "polite" });
  box.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === "Escape") leaveDrawing(view);
  };
  return { box, classes, offer, erase, clear, done, count };
}

function chooseTool(view, tool) {
  view.tool = tool;
  markTools(view);
}

function markTools(view) {
  const { classes, offer, erase, count } = view.tools;
  const offered = Math.max(DRAWN.offered, drawnClasses(view) + 1, view.tool === "erase" ? 0 : view.tool + 1);
  offer(offered); // one more than there are, so that it can be begun
  classes.forEach((button, label) => {
    button.setAttribute("aria-pressed", String(view.tool === label));
    button.hidden = label >= offered;
  });
  erase.setAttribute("aria-pressed", String(view.tool === "erase"));
  const number = view.draft.length;
  const note = number < DRAWN.fewest ? ", too few" : number === DRAWN.most ? ", the most" : number === 1 ? " point" : " points";
  setText(count, `${number}${note}`);
}

function paintPalette(view) {
  const key = `${view.theme.key}|${drawnClasses(view)}|${view.tools.classes.length}`;
  if (view.paletteKey === key) return;
  view.paletteKey = key;
  view.tools.classes.forEach((button, label) => {
    const context = button.firstElementChild.getContext("2d");
    context.clearRect(0, 0, 36, 36);
    context.beginPath();
    shapePath(context, label, 18, 18, 10);
    paintMarks(context, view.theme, rgb(draftColour(view, label)), false);
  });
}

/** How many classes the drawn points have; two at least. */
const drawnClasses = (view) => Math.max(2, 1 + Math.max(0, ...view.draft.map(({ label }) => label)));

const draftColour = (view, label) =>
  drawnClasses(view) > 2 || label > 1 ? CLASS_COLOURS[label % CLASS_COLOURS.length] : label ? view.theme.blue : view.theme.orange;

// -- beginning and ending ------------------------------------------------------------------------------------------

function toggleDrawing(view) {
  if (view.drawing || view.wantsDrawing) leaveDrawing(view);
  else {
    view.wantsDrawing = true;
    if (!view.header.own) send(view, "edit points", { what: "edit points" });
    followPoints(view);
    schedule(view, PANELS);
  }
}

function leaveDrawing(view) {
  Object.assign(view, { drawing: false, wantsDrawing: false, held: null });
  view.tools.box.dataset.shown = "false";
  view.panels.output.canvas.style.touchAction = "";
  markSwitches(view);
  schedule(view, PANELS);
}

/** After a new picture: begin to draw if that was asked for, and take over points that came from elsewhere. */
function followPoints(view) {
  const { own, status } = view.header;
  if (view.drawing && !own && status !== "starting") leaveDrawing(view);
  if (!own || !(view.drawing || view.wantsDrawing)) return;
  if (!view.drawing) {
    Object.assign(view, { drawing: true, wantsDrawing: false, held: null, tool: view.tool ?? 0, mine: new Set([own]) });
    view.draft = pointsFromText(own);
    view.tools.box.dataset.shown = "true";
    view.panels.output.canvas.style.touchAction = "none";
    endTrace(view);
    markSwitches(view);
    markTools(view);
  } else if (!view.mine.has(own)) {
    view.draft = pointsFromText(own);
    view.mine = new Set([own]);
    view.held = null;
    markTools(view);
  }
}

/** Changes the draft and sends it: at once, or, while something moves, not at all. */
function changeDraft(view, change, last = true) {
  change();
  markTools(view);
  schedule(view, ["output"]);
  if (last) sendDraft(view);
}

function sendDraft(view) {
  if (view.draft.length < DRAWN.fewest) return;
  const text = pointsToText(view.draft);
  if (text === view.header.own && view.mine.size === 1) return;
  view.mine.add(text);
  if (view.mine.size > REMEMBERED) view.mine.delete(view.mine.values().next().value);
  clearTimeout(view.draftTimer);
  view.draftTimer = setTimeout(() => send(view, "points", { what: "points", points: text }), 120);
}

// -- on the surface ------------------------------------------------------------------------------------------------

const cellOf = (share) => Math.round(clamp(share, 0, 1) * DRAWN.cells);

function nearestPoint(view, u, v, reach) {
  const { width } = view.panels.output.field;
  let best = { distance: reach };
  view.draft.forEach(({ i, j }, index) => {
    const distance = Math.hypot(i / DRAWN.cells - u, 1 - j / DRAWN.cells - v) * width;
    if (distance < best.distance) best = { distance, index };
  });
  return best.index ?? -1;
}

const movePoint = (view, index, u, v) => Object.assign(view.draft[index], { i: cellOf(u), j: cellOf(1 - v) });

function addPoint(view, u, v) {
  if (view.draft.length >= DRAWN.most) return -1;
  view.draft.push({ label: view.tool === "erase" ? 0 : view.tool, i: cellOf(u), j: cellOf(1 - v) });
  return view.draft.length - 1;
}

/** A press takes the point under it, or adds one; the eraser removes what it touches. */
function pressDrawing(view, panel, event) {
  const focus = hitOutput(view, panel, event.offsetX, event.offsetY);
  if (focus?.kind !== "place") return;
  const found = nearestPoint(view, focus.u, focus.v, event.pointerType === "touch" ? GRAB.touch : GRAB.mouse);
  panel.canvas.setPointerCapture(event.pointerId);
  view.stroke = { index: found, moved: false, x: event.clientX, y: event.clientY, changed: false };
  if (view.tool === "erase") eraseUnder(view, found);
  else if (found < 0) {
    changeDraft(view, () => (view.stroke.index = addPoint(view, focus.u, focus.v)), false);
    view.stroke.changed = view.stroke.index >= 0;
  }
}

function eraseUnder(view, index) {
  if (index < 0) return;
  changeDraft(view, () => view.draft.splice(index, 1), false);
  view.stroke.changed = true;
}

function dragDrawing(view, panel, event) {
  const { stroke, tool } = view;
  if (!stroke) return false;
  const { field } = panel;
  const u = clamp((event.offsetX - field.x) / field.width, 0, 1);
  const v = clamp((event.offsetY - field.y) / field.height, 0, 1);
  if (tool === "erase") eraseUnder(view, nearestPoint(view, u, v, GRAB.mouse));
  else if (stroke.index >= 0) {
    stroke.moved ||= Math.hypot(event.clientX - stroke.x, event.clientY - stroke.y) >= DRAG_FROM;
    if (stroke.moved) {
      changeDraft(view, () => movePoint(view, stroke.index, u, v), false);
      stroke.changed = true;
    }
  }
  return true;
}

/** At the end of a stroke the draft is sent; a press on a point that did not move gives it the chosen class. */
function releaseDrawing(view) {
  const { stroke, tool } = view;
  view.stroke = null;
  if (!stroke) return;
  const point = view.draft[stroke.index];
  if (!stroke.changed && point && tool !== "erase" && point.label !== tool) {
    point.label = tool;
    stroke.changed = true;
  }
  if (stroke.changed) changeDraft(view, () => {});
}

/** Keys on the surface: arrows move, space adds, digits choose, Enter picks up and puts down, Delete removes. */
function keyDrawing(view, event) {
  const focus = view.focus?.panel === "output" ? view.focus : null;
  const arrow = ARROWS[event.key];
  if (/^\d$/.test(event.key)) {
    chooseTool(view, Number(event.key));
    if (view.held != null) changeDraft(view, () => (view.draft[view.held].label = view.tool));
  } else if (arrow) {
    const [dx, dy] = arrow;
    const step = event.shiftKey ? KEY_STEP / 6 : KEY_STEP;
    const [u, v] = focus ? [clamp(focus.u + dx * step, 0, 1), clamp(focus.v + dy * step, 0, 1)] : [0.5, 0.5];
    focusOn(view, "output", { panel: "output", kind: "place", u, v });
    if (view.held != null) changeDraft(view, () => movePoint(view, view.held, u, v), false);
    view.toSay = true;
  } else if (focus && event.key === " ") {
    changeDraft(view, () => addPoint(view, focus.u, focus.v));
  } else if (focus && (event.key === "Delete" || event.key === "Backspace")) {
    const index = view.held ?? nearestPoint(view, focus.u, focus.v, GRAB.touch);
    view.held = null;
    if (index >= 0) changeDraft(view, () => view.draft.splice(index, 1));
  } else if (focus && event.key === "Enter") {
    if (view.held == null) {
      const index = nearestPoint(view, focus.u, focus.v, GRAB.touch);
      view.held = index >= 0 ? index : null;
      schedule(view, ["output"]);
    } else {
      view.held = null;
      changeDraft(view, () => {});
    }
  } else if (event.key === "Escape") leaveDrawing(view);
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

function drawDraft(view, context, box) {
  paintPalette(view);
  view.draft.forEach(({ label, i, j }, index) => {
    const x = box.x + (i / DRAWN.cells) * box.width;
    const y = box.y + (1 - j / DRAWN.cells) * box.height;
    context.beginPath();
    shapePath(context, label, x, y, 4);
    paintMarks(context, view.theme, rgb(draftColour(view, label)), false);
    if (index === view.held) drawRing(context, view.theme, x, y, 9);
  });
}
