/*
 * The graph of a tape: nodes with value over gradient, edges with local partials, and the walk forwards and backwards.
 *
 * Everything to draw comes from playground/autograd/graph.py as JSON: places, words and steps. This file draws it, moves
 * through the steps, and tells Python where the visitor stands (`at`: step and chosen node). It computes no derivative.
 */

const SVG = "http://www.w3.org/2000/svg";
const NARROWEST = 0.72; // scale below which text cannot be read: then the graph is larger than its frame
const WIDEST = 1.45;
const PORT = 17; // px between two edges that end at one node
const SLOWEST = 900; // ms per step when played
const WHOLE_WALK = 30000; // ms, for a long walk
const REST = 350; // ms without a further step before Python is told

const graphs = new WeakMap(); // of the element a graph is mounted in

function html(tag, className, parent, attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent?.append(node);
  return node;
}

function svg(tag, attributes = {}, parent = null, text = null) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  parent?.append(node);
  return node;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const elide = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// ---- building

function build(parentElement, style) {
  const root = parentElement.querySelector(".pg-graph");
  root.replaceChildren();
  html("style", "", root).textContent = style;
  const view = { root, step: 0, chosen: null, scale: 1, x: 0, y: 0, timer: 0, report: () => {} };
  const stage = html("div", "stage", root);
  view.stage = stage;
  view.svg = svg("svg", { class: "picture", role: "group", "aria-label": "Graph of the computation" }, stage);
  view.world = svg("g", {}, view.svg);
  view.zoom = html("div", "zoom", stage);
  button(view.zoom, "+", "Zoom in", () => zoomBy(view, 1.25));
  button(view.zoom, "−", "Zoom out", () => zoomBy(view, 0.8));
  button(view.zoom, "⤢", "Fit the whole graph", () => fit(view, true));
  view.details = html("aside", "details", stage, { "aria-live": "polite" });
  view.details.hidden = true;
  buildBar(view);
  view.words = html("div", "words", root, { "aria-live": "polite" });
  movable(view);
  view.svg.onkeydown = (event) => onKey(view, event);
  new ResizeObserver(() => {
    if (!view.moved && view.graph) fit(view);
  }).observe(stage);
  return view;
}

function button(parent, text, title, onclick, className = "") {
  const made = html("button", className, parent, { type: "button", title, "aria-label": title });
  made.textContent = text;
  made.onclick = onclick;
  return made;
}

function buildBar(view) {
  const bar = html("div", "bar", view.root);
  view.first = button(bar, "|◀", "To the beginning", () => go(view, 0));
  view.back = button(bar, "◀", "One step back", () => go(view, view.step - 1));
  view.play = button(bar, "▶ Play", "Play the walk, forwards and then backwards", () => toggle(view), "play");
  view.next = button(bar, "▶", "One step on", () => go(view, view.step + 1));
  view.last = button(bar, "▶|", "To the end", () => go(view, Infinity));
  const track = html("div", "track", bar);
  view.split = html("div", "split", track);
  view.range = html("input", "", track, { type: "range", min: "0", max: "1", value: "0", "aria-label": "Step of the walk" });
  view.range.oninput = () => go(view, Number(view.range.value));
  view.place = html("output", "place", bar);
}

// ---- data

function show(style, { data, parentElement, setStateValue }) {
  if (!data) return;
  let view = graphs.get(parentElement);
  if (!view?.root.isConnected) {
    view = build(parentElement, style);
    graphs.set(parentElement, view);
  }
  view.report = (at) => setStateValue("at", at);
  readTheme(view);
  if (view.data === data) return;
  const message = JSON.parse(data);
  const known = view.id === message.id;
  const ended = !view.graph || view.step === view.graph.steps.length;
  const count = message.graph.steps.length;
  const began = performance.now();
  Object.assign(view, { data, id: message.id, graph: message.graph });
  if (!known) {
    stop(view);
    view.step = clamp(message.step ?? count, 0, count);
    view.chosen = message.node ?? null;
  } else view.step = ended ? count : clamp(view.step, 0, count);
  if (view.chosen !== null && !view.graph.nodes[view.chosen]) view.chosen = null;
  view.root.style.setProperty("--stage", `${message.height}px`);
  prepare(view);
  draw(view);
  if (!known || !view.moved) fit(view);
  update(view);
  view.root.dataset.drawn = String((Number(view.root.dataset.drawn) || 0) + 1);
  view.root.dataset.ms = (performance.now() - began).toFixed(1);
}

/** What is asked often: edges by node, and the first step in which a node has its value. */
function prepare(view) {
  const { nodes, edges, steps } = view.graph;
  view.into = nodes.map(() => []);
  view.from = nodes.map(() => []);
  edges.forEach((edge, index) => {
    view.into[edge.dst].push(index);
    view.from[edge.src].push(index);
  });
  view.valued = nodes.map((node) => (view.into[node.id].length ? Infinity : 0));
  steps.forEach((step, index) => {
    if (step.phase === "forward") view.valued[step.node] = Math.min(view.valued[step.node], index + 1);
  });
  view.forward = steps.filter((step) => step.phase === "forward").length;
}

function readTheme(view) {
  const probe = html("i", "probe", view.root);
  const parts = getComputedStyle(probe).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [255, 255, 255];
  probe.remove();
  view.root.dataset.dark = String(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] < 128);
}

// ---- drawing: everything once per data, then only classes and words change

function draw(view) {
  const { nodes, edges } = view.graph;
  view.world.replaceChildren();
  const defs = svg("defs", {}, view.world);
  const marker = svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" }, defs);
  svg("path", { d: "M0,0 L8,4 L0,8 z", class: "tip" }, marker);
  const under = svg("g", {}, view.world);
  const over = svg("g", {}, view.world);
  view.labels = svg("g", { class: "labels" }, view.world);
  view.taken = [];
  const most = Math.max(1e-12, ...edges.map((edge) => edge.size));
  view.edges = edges.map((edge) => drawEdge(view, edge, under, most));
  view.nodes = nodes.map((node) => drawNode(view, node, over));
}

function ports(view, edge) {
  const at = (list, key) => {
    const sorted = list.map((i) => view.graph.edges[i]).sort(key);
    return (sorted.indexOf(edge) - (sorted.length - 1) / 2) * PORT;
  };
  const { nodes } = view.graph;
  const limit = (offset, node) => clamp(offset, 8 - node.h / 2, node.h / 2 - 8);
  const before = (other) => other.path.at(-2)[1];
  const end = at(view.into[edge.dst], (a, b) => before(a) - before(b) || a.slot - b.slot);
  const twins = view.from[edge.src].filter((i) => view.graph.edges[i].dst === edge.dst);
  const start = twins.length > 1 ? at(twins, (a, b) => a.slot - b.slot) : 0;
  return [limit(start, nodes[edge.src]), limit(end, nodes[edge.dst])];
}

function curve(view, edge) {
  const { nodes } = view.graph;
  const [start, end] = ports(view, edge);
  const [src, dst] = [nodes[edge.src], nodes[edge.dst]];
  const stops = [[src.x + src.w / 2, src.y + start]];
  for (const [x, y] of edge.path.slice(1, -1)) stops.push([x - 30, y], [x + 30, y]);
  stops.push([dst.x - dst.w / 2 - 2, dst.y + end]);
  let d = `M${stops[0]}`;
  for (let k = 1; k < stops.length; k += 1) {
    const [[ax, ay], [bx, by]] = [stops[k - 1], stops[k]];
    const bend = Math.max(14, (bx - ax) / 2);
    d += ` C${ax + bend},${ay} ${bx - bend},${by} ${bx},${by}`;
  }
  return { d, ends: stops.slice(-2) };
}

/** Where on the last piece of an edge its label hides least of the labels that are there already. */
function freePlace(view, [[ax, ay], [bx, by]], width) {
  const wide = bx - ax > 110; // then near the target, where it is plain which edge it belongs to
  let best = null;
  for (const t of wide ? [0.75, 0.65, 0.55, 0.45, 0.35] : [0.5, 0.62, 0.38, 0.74, 0.26]) {
    const bend = Math.max(14, (bx - ax) / 2);
    const [u, v] = [1 - t, t];
    const x = u * u * u * ax + 3 * u * u * v * (ax + bend) + 3 * u * v * v * (bx - bend) + v * v * v * bx;
    const y = (u * u * u + 3 * u * u * v) * ay + (3 * u * v * v + v * v * v) * by;
    const hidden = view.taken.reduce((sum, box) => sum + Math.max(0, (width + box.width) / 2 - Math.abs(x - box.x)) * Math.max(0, 16 - Math.abs(y - box.y)), 0);
    if (!best || hidden < best.hidden) best = { x, y, width, hidden };
    if (!hidden) break;
  }
  view.taken.push(best);
  return [best.x, best.y];
}

function drawEdge(view, edge, parent, most) {
  const { d, ends } = curve(view, edge);
  const group = svg("g", { class: `edge${edge.cut ? " cut" : ""}` }, parent);
  const line = svg("path", { d, class: "line", "marker-end": "url(#tip)" }, group);
  const flow = svg("path", { d, class: "flow" }, group);
  flow.style.strokeWidth = `${1.5 + 3.5 * Math.sqrt(edge.size / most)}px`;
  flow.dataset.sign = edge.sign;
  let label = null;
  if (edge.label) {
    const text = `×${elide(edge.local, 12)}`;
    const width = 7 * text.length + 6;
    label = svg("g", { class: "label", transform: `translate(${freePlace(view, ends, width)})` }, view.labels);
    svg("rect", { x: -width / 2, y: -8, width, height: 16, rx: 8 }, label);
    svg("text", { y: 4 }, label, text);
    svg("title", {}, label, `local partial derivative: ${edge.local}`);
  }
  return { group, line, flow, label };
}

function drawNode(view, node, parent) {
  const group = svg("g", { class: `node ${node.kind}${node.h < 40 ? " small" : ""}`, transform: `translate(${node.x - node.w / 2},${node.y - node.h / 2})`, tabindex: "-1", role: "button", "data-node": node.id }, parent);
  svg("rect", { class: "box", width: node.w, height: node.h, rx: node.source ? 14 : 7 }, group);
  const made = { group };
  if (node.h < 40) {
    made.value = svg("text", { class: "value", x: node.w / 2, y: node.h / 2 + 5 }, group, elide(node.title, 7));
  } else {
    const room = Math.floor((node.w - 10) / 6.2);
    svg("text", { class: "title", x: node.w / 2, y: 15 }, group, elide(node.title, room));
    made.value = svg("text", { class: "value", x: node.w / 2, y: 32 }, group);
    svg("rect", { class: "under", x: 3, y: 38, width: node.w - 6, height: node.h - 41, rx: node.source ? 10 : 4 }, group);
    made.grad = svg("text", { class: "grad", x: node.w / 2, y: 51.5 }, group);
    made.room = Math.floor((node.w - 8) / 6.8);
  }
  return made;
}

// ---- where the walk stands

/** The gradients that have arrived after `step` steps: node -> [text, sign]. */
function arrived(view) {
  const found = new Map();
  view.graph.steps.slice(0, view.step).forEach((step) => step.grads.forEach(([node, text, sign]) => found.set(node, [text, sign])));
  return found;
}

function update(view) {
  const { nodes, edges, steps, output } = view.graph;
  const current = view.step ? steps[view.step - 1] : null;
  const grads = arrived(view);
  const passed = new Set();
  steps.slice(0, view.step).forEach((step) => step.phase === "backward" && step.edges.forEach((index) => passed.add(index)));
  const active = new Set(current?.edges ?? []);
  view.grads = grads;
  nodes.forEach((node, index) => {
    const drawn = view.nodes[index];
    const there = view.valued[index] <= view.step;
    const open = view.from[index].some((i) => !edges[i].cut && !passed.has(i));
    drawn.group.classList.toggle("there", there);
    drawn.group.classList.toggle("current", current?.node === index);
    drawn.group.classList.toggle("chosen", view.chosen === index);
    if (drawn.grad) {
      drawn.value.textContent = there ? elide(node.value, drawn.room) : "·";
      drawn.value.dataset.sign = there ? node.sign : 0;
      const [text, sign] = grads.get(index) ?? [null, 0];
      const none = node.grad_fn || node.kind === "group" ? "none yet" : "no gradient";
      drawn.grad.textContent = text === null ? none : `∂ ${elide(text, drawn.room - 2)}${open && index !== output ? " +…" : ""}`;
      drawn.group.dataset.grad = text === null ? "none" : String(sign);
    }
    drawn.group.setAttribute("aria-label", spoken(view, node));
  });
  edges.forEach((edge, index) => {
    const { group, label } = view.edges[index];
    const there = view.valued[edge.dst] <= view.step;
    for (const part of [group, label]) {
      part?.classList.toggle("there", there);
      part?.classList.toggle("passed", passed.has(index));
      part?.classList.toggle("active", active.has(index));
      if (part) part.dataset.phase = current?.phase ?? "";
    }
  });
  rove(view);
  updateBar(view, current);
  updateDetails(view);
}

function spoken(view, node) {
  const there = view.valued[node.id] <= view.step;
  const grad = view.grads.get(node.id)?.[0] ?? (node.grad_fn ? "none yet" : "no gradient");
  return `${node.title}, value ${there ? node.value : "not computed yet"}, gradient ${grad}`;
}

function updateBar(view, current) {
  const { steps } = view.graph;
  view.range.max = String(steps.length);
  view.range.value = String(view.step);
  view.split.style.left = `${(100 * view.forward) / Math.max(1, steps.length)}%`;
  view.split.hidden = view.forward === steps.length;
  const phase = !current ? "Inputs" : current.phase === "forward" ? "Forward" : "Backward";
  const number = current?.phase === "backward" ? view.step - view.forward : view.step;
  const of = current?.phase === "backward" ? steps.length - view.forward : view.forward;
  view.place.textContent = current ? `${phase} ${number} / ${of}` : "Inputs given";
  view.place.dataset.phase = current?.phase ?? "";
  view.root.dataset.step = view.step;
  view.root.dataset.steps = steps.length;
  view.first.disabled = view.back.disabled = view.step === 0;
  view.last.disabled = view.next.disabled = view.step === steps.length;
  const lines = current?.words ?? ["The inputs have their values. Press Play, or take one step."];
  view.words.replaceChildren(...lines.slice(0, 6).map((line) => wordLine(line)));
  if (lines.length > 6) view.words.append(wordLine(`and ${lines.length - 6} more`));
}

/** The chain rule: symbols first, then the numbers, which are what to look at. */
function wordLine(line) {
  const row = html("div", "line");
  const parts = line.split(" = ");
  parts.forEach((part, k) => {
    if (k) row.append(" = ");
    const numbers = k > 0;
    html("span", numbers ? "numbers" : "symbols", row).textContent = part;
  });
  return row;
}

// ---- details of one node

function choose(view, id) {
  view.chosen = view.chosen === id ? null : id;
  update(view);
  tell(view);
}

function updateDetails(view) {
  const { details } = view;
  const node = view.chosen === null ? null : view.graph.nodes[view.chosen];
  details.hidden = !node;
  if (node) details.dataset.side = node.x * view.scale + view.x > view.stage.clientWidth / 2 ? "left" : "right";
  details.replaceChildren();
  if (!node) return;
  const head = html("header", "", details);
  html("strong", "", head).textContent = node.title;
  button(head, "×", "Close", () => choose(view, node.id));
  if (node.formula) html("code", "formula", details).textContent = node.formula;
  const list = html("dl", "", details);
  const row = (name, text, className = "") => {
    html("dt", "", list).textContent = name;
    html("dd", className, list).textContent = text;
  };
  const reached = view.grads.get(node.id)?.[0];
  const there = view.valued[node.id] <= view.step;
  row("value", there ? node.value : "not computed yet");
  row("gradient arriving", reached ?? (node.grad_fn || node.kind === "group" ? "none yet" : `none: ${why(node)}`));
  for (const index of view.into[node.id]) {
    const edge = view.graph.edges[index];
    if (edge.cut || !view.graph.nodes[edge.src]) continue;
    const name = view.graph.nodes[edge.src].title;
    const product = reached === undefined ? "…" : `${reached} → ${edge.contrib}`;
    row(`to ${elide(name, 12)}`, `${edge.local ?? "Jacobian"} · ${product}`, "product");
  }
  node.rules.forEach((rule) => row("local rule", rule));
  Object.entries(node.saved).forEach(([name, text]) => row(node.kind === "group" ? name : `saved ${name}`, text));
  row("grad_fn", node.grad_fn ?? "None");
  row("shape", node.shape);
  if (node.module) row("module", node.module);
  if (node.span && view.graph.text) sourceOf(view, node, details);
}

const why = (node) =>
  ({ constant: "a constant", detached: "detached", no_grad: "computed inside of no_grad" })[node.kind] ?? "not reached";

function sourceOf(view, node, parent) {
  const pre = html("pre", "source", parent);
  const [start, end] = node.span;
  pre.append(view.graph.text.slice(0, start));
  html("mark", "", pre).textContent = view.graph.text.slice(start, end);
  pre.append(view.graph.text.slice(end));
}

// ---- moving through the steps

function go(view, step, told = true) {
  if (told) stop(view);
  view.step = clamp(step, 0, view.graph.steps.length);
  update(view);
  follow(view);
  tell(view);
}

function toggle(view) {
  if (view.timer) {
    stop(view);
    return;
  }
  const { steps } = view.graph;
  if (view.step >= steps.length) go(view, 0);
  const pause = clamp(WHOLE_WALK / steps.length, 120, SLOWEST);
  view.play.textContent = "❚❚ Pause";
  view.play.setAttribute("aria-label", "Pause the walk");
  view.timer = setInterval(() => {
    if (!view.root.isConnected || view.step >= view.graph.steps.length) stop(view);
    else go(view, view.step + 1, false);
  }, pause);
}

function stop(view) {
  clearInterval(view.timer);
  view.timer = 0;
  view.play.textContent = "▶ Play";
  view.play.setAttribute("aria-label", "Play the walk, forwards and then backwards");
}

/** Python hears where the visitor stands once they rest, so that the address bar can say it. */
function tell(view) {
  clearTimeout(view.telling);
  view.telling = setTimeout(() => {
    if (view.timer) return tell(view);
    const step = view.step === view.graph.steps.length ? null : view.step;
    view.report({ id: view.id, step, node: view.chosen });
  }, REST);
}

/** In a graph larger than its frame the node of the step is brought into view. */
function follow(view) {
  const current = view.step ? view.graph.nodes[view.graph.steps[view.step - 1].node] : null;
  if (!current) return;
  const { clientWidth: w, clientHeight: h } = view.stage;
  const [x, y] = [current.x * view.scale + view.x, current.y * view.scale + view.y];
  const [mx, my] = [Math.min(130, w / 3), Math.min(60, h / 3)];
  const [dx, dy] = [clamp(x, mx, w - mx) - x, clamp(y, my, h - my) - y];
  if (dx || dy) moveBy(view, dx, dy, view.moved);
}

// ---- pan, zoom, keyboard

function fit(view, whole = false) {
  const { clientWidth: w, clientHeight: h } = view.stage;
  const { width, height } = view.graph;
  if (!w || !width) return;
  const scale = Math.min((w - 24) / width, (h - 24) / height, WIDEST);
  view.scale = whole ? scale : Math.max(scale, NARROWEST);
  view.x = Math.max(12, (w - width * view.scale) / 2);
  view.y = (h - height * view.scale) / 2;
  view.moved = false;
  place(view);
}

function place(view) {
  view.world.setAttribute("transform", `translate(${view.x},${view.y}) scale(${view.scale})`);
  view.root.dataset.small = String(view.scale < 0.45);
}

function moveBy(view, dx, dy, moved = true) {
  view.x += dx;
  view.y += dy;
  view.moved = moved;
  place(view);
}

function zoomBy(view, factor, x = view.stage.clientWidth / 2, y = view.stage.clientHeight / 2) {
  const scale = clamp(view.scale * factor, 0.02, 3);
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  view.moved = true;
  place(view);
}

function movable(view) {
  let from = null;
  view.svg.onpointerdown = (event) => {
    if (event.button) return;
    from = { x: event.clientX, y: event.clientY, far: false, node: event.target.closest?.(".node") };
    view.svg.setPointerCapture(event.pointerId);
  };
  view.svg.onpointermove = (event) => {
    if (!from) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (!from.far && Math.hypot(dx, dy) < 4) return;
    Object.assign(from, { x: event.clientX, y: event.clientY, far: true });
    moveBy(view, dx, event.pointerType === "touch" ? 0 : dy);
  };
  view.svg.onpointerup = () => {
    if (from && !from.far && from.node) {
      view.roving = Number(from.node.dataset.node);
      choose(view, view.roving);
    }
    from = null;
  };
  view.svg.onpointercancel = () => (from = null);
  view.stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && !view.svg.matches(":focus-within")) return; // the page scrolls
      event.preventDefault();
      const box = view.stage.getBoundingClientRect();
      zoomBy(view, Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );
}

/** One node at a time can be reached by Tab; the arrows go on from there. */
function rove(view) {
  if (!view.graph.nodes[view.roving]) view.roving = view.graph.output;
  view.nodes.forEach(({ group }, index) => group.setAttribute("tabindex", index === view.roving ? "0" : "-1"));
}

function onKey(view, event) {
  const { nodes, edges } = view.graph;
  const here = nodes[view.roving];
  const column = (direction) =>
    nodes
      .filter((node) => Math.abs(node.x - here.x) < 8 && (node.y - here.y) * direction > 0)
      .sort((a, b) => Math.abs(a.y - here.y) - Math.abs(b.y - here.y))[0]?.id;
  const target = {
    ArrowLeft: () => edges[view.into[here.id][0]]?.src,
    ArrowRight: () => edges[view.from[here.id][0]]?.dst,
    ArrowUp: () => column(-1),
    ArrowDown: () => column(1),
  }[event.key];
  if (target) {
    const id = target();
    if (id !== undefined) {
      view.roving = id;
      rove(view);
      view.nodes[id].group.focus();
    }
  } else if (event.key === "Enter" || event.key === " ") choose(view, view.roving);
  else if (event.key === "Escape" && view.chosen !== null) choose(view, view.chosen);
  else if (event.key === "+" || event.key === "=") zoomBy(view, 1.25);
  else if (event.key === "-") zoomBy(view, 0.8);
  else if (event.key === "0") fit(view, true);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Offers `show` to the graphs of the page, and draws what has been waiting for it. */
export default function install({ data: { version, style } }) {
  const shared = ((globalThis.playgroundGraph ??= {})[version] ??= { waiting: [] });
  shared.show ??= (mount) => show(style, mount);
  shared.waiting.splice(0).forEach(shared.show);
}
