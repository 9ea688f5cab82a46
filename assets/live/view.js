/*
 * The live view of a run: network, output, curves and numbers, drawn from the newest snapshot.
 *
 * A Streamlit component hands `draw` a snapshot about ten times a second. Everything is built once per mounted element
 * and redrawn in place: three canvases, a strip of numbers, one tooltip, one banner. The picture depends on the
 * snapshot, the theme, the width, and on what the visitor points at (`view.focus`).
 *
 * The files of this folder are one module: playground/ui/live.py joins them in its order, this one last.
 */

const PANELS = ["network", "output", "curves"];
const DRAW = { network: drawNetwork, output: drawOutput, curves: drawCurves };
const PRESS = { network: pressNetwork, output: pressOutput, curves: pressCurves };
const DRAG = { network: dragNetwork, output: dragOutput, curves: dragCurves };
const RELEASE = { network: releaseNetwork, output: releaseOutput, curves: releaseCurves };
const QUIET_STATUS = "ready"; // a message of any other status is shown over the picture

const views = new WeakMap(); // of the element a view is mounted in
const LASTING = ["logLoss", "smooth", "pinned", "zoom", "shows", "bent", "dismissed"]; // chosen by the visitor
const reducedMotion = globalThis.matchMedia("(prefers-reduced-motion: reduce)");

function element(tag, kind, parent, attributes = {}) {
  const node = document.createElement(tag);
  node.className = kind;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
}

/** Writes into the node's one text node: no child is added or removed. */
function setText(node, text) {
  if (!node.firstChild) node.append(text);
  else if (node.firstChild.data !== text) node.firstChild.data = text;
}

function build(parentElement, style) {
  const root = parentElement.querySelector(".pg-live");
  root.replaceChildren();
  element("style", "", root).textContent = style;
  const view = { root, focus: null, logLoss: false, dirty: new Set(), atlases: [], points: {}, frame: 0, drawnAt: 0 };
  Object.assign(view, { name: Math.random().toString(36).slice(2), sent: 0, outbox: [] });
  view.numbers = buildNumbers(root);
  view.panels = Object.fromEntries(PANELS.map((name) => [name, buildPanel(view, name)]));
  buildCurveSwitches(view);
  Object.assign(view, { draft: [], drawing: false, wantsDrawing: false, held: null, mine: new Set(), stroke: null });
  view.switches = buildSwitches(view);
  view.bendChoice = buildBendChoice(view);
  view.tools = buildTools(view);
  view.banner = buildBanner(view);
  view.more = buildMore(view, view.panels.network);
  view.phases = buildPhases(view);
  view.tip = element("div", "pg-tip", root);
  view.editor = buildEditor(view);
  view.said = element("div", "pg-said", root, { "aria-live": "polite" });
  document.addEventListener("visibilitychange", () => followStream(view));
  new ResizeObserver(() => schedule(view, PANELS)).observe(root);
  return view;
}

function buildNumbers(root) {
  const list = element("dl", "pg-numbers", root);
  const cell = (name, label) => {
    const box = element("div", `pg-number pg-number-${name}`, list);
    const term = element("dt", "", box);
    setText(term, label);
    const value = element("dd", "", box);
    setText(value, NONE);
    return { term, value };
  };
  return {
    epoch: cell("epoch", "Epoch"),
    step: cell("step", "Step"),
    loss: cell("loss", "Loss, train / validation"),
    score: cell("score", "Accuracy, train / validation"),
    lr: cell("lr", "Learning rate"),
    speed: cell("speed", "Steps/s"),
  };
}

function buildPanel(view, name) {
  const box = element("div", `pg-panel pg-panel-${name}`, view.root);
  const canvas = element("canvas", `pg-${name}`, box, { role: "img", tabindex: "0", "aria-label": name });
  const panel = { name, box, canvas, context: canvas.getContext("2d"), width: 0, height: 0 };
  const point = (event) =>
    focusOn(view, name, FOCUS_AT[name](view, panel, event.offsetX, event.offsetY, event.pointerType), event);
  const act = (acts, event) => (view.header ? acts?.(view, panel, event) : false);
  canvas.onpointermove = (event) => act(DRAG[name], event) || point(event);
  canvas.onpointerdown = (event) => {
    point(event);
    if (event.button === 0) act(PRESS[name], event);
  };
  canvas.onpointerup = (event) => act(RELEASE[name], event);
  canvas.onpointercancel = () => {
    Object.assign(view, { press: null, brush: null });
    releaseDrawing(view);
  };
  if (name === "curves") canvas.ondblclick = () => unzoom(view);
  canvas.onpointerleave = (event) => event.pointerType !== "touch" && focusOn(view, name, null, event);
  canvas.onkeydown = (event) => onKey(view, name, event);
  canvas.onblur = () => focusOn(view, name, null);
  return panel;
}

function buildBanner(view) {
  const box = element("div", "pg-banner", view.root, { role: "status", "data-status": "" });
  const words = element("span", "", box);
  const close = element("button", "pg-close", box, { type: "button", "aria-label": "Dismiss" });
  setText(close, "×");
  close.onclick = () => {
    view.dismissed = view.header.message;
    drawBanner(view);
  };
  return { box, words };
}

let newest = null; // the view that was built last

/** A view is built anew when the page around it changes, or is left and come back to; what was chosen in it stays. */
function rebuild(parentElement, style) {
  const view = build(parentElement, style);
  const gone = newest && !newest.root.isConnected;
  for (const name of gone ? LASTING : []) view[name] = newest[name];
  markCurveSwitches(view);
  views.set(parentElement, view);
  newest = view;
  return view;
}

function drawWith(style, { data, parentElement, setTriggerValue }) {
  if (!data?.length) return;
  let view = views.get(parentElement);
  if (!view?.root.isConnected) view = rebuild(parentElement, style);
  view.trigger = setTriggerValue;
  const theme = readTheme(view.root);
  if (view.theme?.key !== theme.key) view.theme = theme;
  const picture = unpack(data);
  const { seq, run } = view.streaming ? view.header : {}; // the stream is ahead of the page
  if (picture.header.run !== run || picture.header.seq > seq || picture.header.status !== "playing") {
    takeIn(view, picture, (fresh) => adopt(view, fresh));
    markPhase(view);
  } else {
    drawSoon(view); // for the theme
    followStream(view); // one that has ended is asked for again
  }
}

function adopt(view, fresh) {
  pinBeforeFork(view, fresh.header);
  Object.assign(view, fresh);
  followPoints(view);
  followStream(view); // here, since a picture may have waited for its phases
  markPhase(view);
  drawSoon(view);
}

function drawSoon(view) {
  if (reducedMotion.matches && view.header.status === "playing") scheduleCalmly(view);
  else schedule(view, PANELS);
}

function schedule(view, names) {
  for (const name of names) view.dirty.add(name);
  if (view.frame) return;
  view.frame = requestAnimationFrame(() => {
    view.frame = 0;
    redraw(view);
  });
}

/** Reduced motion: at most one picture a second, always the newest. */
function scheduleCalmly(view) {
  if (view.calmTimer) return;
  view.calmTimer = setTimeout(
    () => {
      view.calmTimer = 0;
      schedule(view, PANELS);
    },
    Math.max(0, view.drawnAt + 1000 - performance.now()),
  );
}

function redraw(view) {
  if (!view.header || !view.root.clientWidth) return;
  dropStaleFocus(view);
  dropStaleEditor(view);
  for (const name of view.dirty) drawPanel(view, name);
  if (view.dirty.size === PANELS.length) {
    drawNumbers(view);
    drawBanner(view);
    markSwitches(view);
    markBendChoice(view);
    markRoot(view);
    view.drawnAt = performance.now();
    view.labelTimer ||= setTimeout(() => writeLabels(view), view.labelled ? 1000 : 0);
  }
  view.dirty.clear();
  placeTip(view);
  placeEditor(view);
}

function drawPanel(view, name) {
  const panel = view.panels[name];
  const width = name === "network" ? networkWidth(view, panel) : panel.box.clientWidth;
  const context = fitCanvas(panel, width, panel.box.clientHeight);
  context.clearRect(0, 0, panel.width, panel.height);
  DRAW[name](view, panel, context);
}

/** Sizes the canvas for the screen's pixels; afterwards one unit is one CSS px. */
function fitCanvas(panel, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  if (panel.width !== width || panel.height !== height || panel.ratio !== ratio) {
    Object.assign(panel, { width, height, ratio });
    panel.canvas.width = Math.round(width * ratio);
    panel.canvas.height = Math.round(height * ratio);
    panel.canvas.style.width = `${width}px`;
    panel.canvas.style.height = `${height}px`;
    panel.context.pgFont = null; // a resized canvas forgets its font
    panel.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }
  return panel.context;
}

function markRoot({ root, header }) {
  root.dataset.step = header.step;
  root.dataset.seq = header.seq;
  root.dataset.status = header.status;
}

function drawNumbers({ numbers, header }) {
  const pair = (format, key) => `${format(header.train?.[key])} / ${format(header.val?.[key])}`;
  const classification = header.task === "classification";
  setText(numbers.epoch.value, formatEpoch(header));
  setText(numbers.step.value, formatWhole(header.step));
  setText(numbers.loss.value, pair(formatLoss, "loss"));
  setText(numbers.score.term, `${classification ? "Accuracy" : "R²"}, train / validation`);
  setText(numbers.score.value, classification ? pair(formatPercent, "accuracy") : pair(formatLoss, "r2"));
  const older = header.scored < header.step; // where a look at all samples is dear, not every picture takes one
  for (const { value } of [numbers.loss, numbers.score]) value.title = older ? `as of step ${formatWhole(header.scored)}` : "";
  setText(numbers.lr.value, formatShort(header.lr));
  setText(numbers.speed.term, header.device ? `Steps/s on ${header.device}` : "Steps/s");
  setText(numbers.speed.value, formatWhole(header.steps_per_second));
}

function drawBanner(view) {
  const { banner, header } = view;
  const due = header.status !== QUIET_STATUS && Boolean(header.message);
  if (!due) view.dismissed = null;
  const shown = due && header.message !== view.dismissed;
  banner.box.dataset.status = shown ? header.status : "";
  setText(banner.words, shown ? header.message : "");
}

/** What the pictures show, in words, for those who do not see them; at most once a second. */
function writeLabels(view) {
  view.labelTimer = 0;
  view.labelled = true;
  const { header, panels } = view;
  const names = header.columns.map((column) => `${column.title} (${column.units})`).join(", ");
  const results =
    `step ${formatWhole(header.step)}, loss ${formatLoss(header.train?.loss)} in training` +
    (header.val ? `, ${formatLoss(header.val.loss)} in validation` : "");
  panels.network.canvas.setAttribute("aria-label", `Network: ${names}. Arrow keys move among the units, Enter sets a weight.`);
  const keys = view.drawing
    ? "Arrow keys move, space adds a point, 0 to 9 choose its class, Enter picks up and puts down, Delete removes."
    : `Arrow keys read values${header.domain ? ", Enter traces a sample" : ""}.`;
  panels.output.canvas.setAttribute("aria-label", `${outputTitle(view)}, ${results}. ${keys}`);
  panels.curves.canvas.setAttribute("aria-label", `Curves of loss and accuracy: ${results}. Arrow keys read values, plus and minus zoom.`);
}

/** Offers `draw` to the live components of the page, and draws what has been waiting for it. */
export default function install({ data: { version, style } }) {
  const live = ((globalThis.playgroundLive ??= {})[version] ??= { waiting: [] });
  live.draw ??= (mount) => drawWith(style, mount);
  live.waiting.splice(0).forEach(live.draw);
}
