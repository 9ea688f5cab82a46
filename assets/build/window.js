// How a kernel walks over a picture: padding, kernel, stride, dilation, and what comes out. All of it is computed here,
// so that it follows the hand; nothing is sent to the server.

const views = new WeakMap();
const CELL = 26, SMALL = 18, GAP = 40;
const CONTROLS = [["size", "input", 1, 12], ["padding", "padding", 0, 4], ["kernel", "kernel", 1, 7], ["stride", "stride", 1, 5], ["dilation", "dilation", 1, 3]];
const KERNEL = [1, 0, -1];

// The numbers of a layer, and the sentence of what is wrong with them; `lost`: rows that no window reaches.
function study({ kind, size, padding, kernel, stride, dilation }) {
  const reach = dilation * (kernel - 1) + 1, padded = size + 2 * padding, free = padded - reach;
  const formula = `⌊(${size} + 2·${padding} − ${dilation > 1 ? `${dilation}·(${kernel} − 1) − 1` : kernel})/${stride}⌋ + 1`;
  if (kind !== "conv" && 2 * padding > kernel)
    return { wrong: `Padding ${padding} is more than half of the kernel ${kernel}: windows would lie in the padding alone, and torch refuses.`, formula, out: 0, lost: 0, padded, reach };
  if (free < 0)
    return { wrong: `A window of ${reach} does not fit into ${padded} (${size} and the padding): there is no output. Use a smaller kernel, or more padding.`, formula, out: 0, lost: 0, padded, reach };
  const out = Math.floor(free / stride) + 1, lost = free % stride;
  const wrong = lost ? `Stride ${stride} does not come out: ${free} free places are no multiple of ${stride}, so the last ${lost === 1 ? "row and column are" : `${lost} rows and columns are`} never looked at (red). torch rounds down.` : "";
  return { wrong, formula, out, lost, padded, reach };
}

const value = (row, column) => ((row * 7 + column * 5 + row * column) % 10);

function result(state, row, column) {
  const { kind, size, padding, kernel, stride, dilation } = state, parts = [];
  for (let i = 0; i < kernel; i++) for (let j = 0; j < kernel; j++) {
    const r = row * stride + i * dilation - padding, c = column * stride + j * dilation - padding;
    const inside = r >= 0 && c >= 0 && r < size && c < size;
    parts.push({ x: inside ? value(r, c) : 0, w: KERNEL[j % 3], inside });
  }
  if (kind === "conv") return { value: parts.reduce((sum, { x, w }) => sum + x * w, 0), words: "the sum of input times a kernel whose rows are 1, 0, −1" };
  const seen = kind === "max" ? parts.filter(({ inside }) => inside) : parts;
  if (kind === "max") return { value: Math.max(...seen.map(({ x }) => x)), words: "the largest value of the window" };
  return { value: seen.reduce((sum, { x }) => sum + x, 0) / seen.length, words: "the mean of the window, padding counted" };
}

function paint(view) {
  const { state, canvas, said, formula } = view, found = study(state), { out, lost, padded, reach } = found;
  const cell = padded > 14 ? SMALL : CELL, across = padded * cell, right = Math.max(out, 1) * cell;
  const width = across + GAP + right + 2, height = Math.max(across, right) + 2, ratio = devicePixelRatio || 1;
  canvas.width = width * ratio; canvas.height = height * ratio;
  canvas.style.width = `${width}px`; canvas.style.maxWidth = "100%";
  const style = getComputedStyle(canvas), text = style.getPropertyValue("--st-text-color") || "#222";
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 1, 1);
  pen.font = `${cell * 0.45}px sans-serif`; pen.textAlign = "center"; pen.textBaseline = "middle";
  const [row, column] = (view.at = [Math.min(view.at[0], Math.max(out - 1, 0)), Math.min(view.at[1], Math.max(out - 1, 0))]);
  for (let r = 0; r < padded; r++) for (let c = 0; c < padded; c++) {
    const inside = r >= state.padding && c >= state.padding && r < padded - state.padding && c < padded - state.padding;
    const missed = out > 0 && (r >= padded - lost || c >= padded - lost);
    pen.globalAlpha = 1;
    pen.fillStyle = missed || !out ? "rgba(214,39,40,0.35)" : inside ? "rgba(74,159,211,0.30)" : "transparent";
    pen.fillRect(c * cell, r * cell, cell, cell);
    pen.strokeStyle = text; pen.globalAlpha = 0.25; pen.strokeRect(c * cell, r * cell, cell, cell);
    pen.globalAlpha = inside ? 0.9 : 0.45; pen.fillStyle = text;
    pen.fillText(inside ? value(r - state.padding, c - state.padding) : "0", (c + 0.5) * cell, (r + 0.5) * cell);
  }
  if (out) {
    pen.globalAlpha = 1;
    for (let i = 0; i < state.kernel; i++) for (let j = 0; j < state.kernel; j++) {
      pen.fillStyle = "rgba(245,147,34,0.45)";
      pen.fillRect((column * state.stride + j * state.dilation) * cell, (row * state.stride + i * state.dilation) * cell, cell, cell);
    }
    pen.strokeStyle = "#e08214"; pen.lineWidth = 2.5;
    pen.strokeRect(column * state.stride * cell, row * state.stride * cell, reach * cell, reach * cell);
    pen.lineWidth = 1;
    const left = across + GAP;
    for (let r = 0; r < out; r++) for (let c = 0; c < out; c++) {
      const here = r === row && c === column, number = result(state, r, c).value;
      pen.globalAlpha = 1; pen.fillStyle = here ? "rgba(245,147,34,0.6)" : "rgba(74,159,211,0.15)";
      pen.fillRect(left + c * cell, r * cell, cell, cell);
      pen.strokeStyle = text; pen.globalAlpha = 0.3; pen.strokeRect(left + c * cell, r * cell, cell, cell);
      pen.globalAlpha = 0.95; pen.fillStyle = text;
      pen.fillText(String(Math.round(number * 10) / 10), left + (c + 0.5) * cell, (r + 0.5) * cell);
    }
    pen.globalAlpha = 0.6; pen.fillStyle = text; pen.fillText("→", across + GAP / 2, Math.min(height, across) / 2);
  }
  Object.assign(view, { cell, across, out });
  formula.textContent = out ? `${found.formula} = ${out}` : `${found.formula}: no output`;
  const now = out ? result(state, row, column) : null;
  said.className = found.wrong ? "said wrong" : "said";
  said.textContent = found.wrong || `Output (${row}, ${column}) = ${Math.round(now.value * 100) / 100}: ${now.words}.`;
  canvas.setAttribute("aria-label", `A ${state.kernel} x ${state.kernel} window over ${state.size} x ${state.size} values with padding ${state.padding} and stride ${state.stride}: ${formula.textContent}. ${said.textContent}`);
}

function build(root, given) {
  const make = (name, parent, extra = {}) => parent.appendChild(Object.assign(document.createElement(name), extra));
  root.replaceChildren();
  const knobs = make("div", root, { className: "knobs" }), view = { state: { ...given }, at: [0, 0], walking: true };
  for (const [name, label, low, high] of CONTROLS) {
    if (name === "dilation" && given.kind === "avg") continue;
    const box = make("label", knobs), words = make("span", box);
    const show = () => (words.textContent = `${label} ${view.state[name]}`);
    const slider = make("input", box, { type: "range", min: low, max: high, value: view.state[name] });
    slider.setAttribute("aria-label", label);
    slider.dataset.name = name;
    slider.oninput = () => { view.state[name] = Number(slider.value); show(); paint(view); };
    show();
  }
  view.formula = make("div", root, { className: "formula" });
  view.canvas = make("canvas", root);
  view.canvas.setAttribute("role", "img");
  view.said = make("div", root, { className: "said" });
  view.canvas.onpointermove = (event) => {
    const box = view.canvas.getBoundingClientRect(), shrink = view.canvas.width / (devicePixelRatio || 1) / box.width;
    let c = (event.clientX - box.left) * shrink, r = Math.floor(((event.clientY - box.top) * shrink) / view.cell);
    if (c > view.across + GAP) c = Math.floor((c - view.across - GAP) / view.cell);
    else { c = Math.floor(c / view.cell / view.state.stride); r = Math.floor(r / view.state.stride); }
    if (r >= 0 && c >= 0 && r < view.out && c < view.out) { view.at = [r, c]; paint(view); }
    view.walking = false;
  };
  const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
  view.timer = quiet ? 0 : setInterval(() => {
    if (!root.isConnected) return clearInterval(view.timer);
    if (!view.walking || view.out < 1 || document.hidden) return;
    const next = (view.at[0] * view.out + view.at[1] + 1) % (view.out * view.out);
    view.at = [Math.floor(next / view.out), next % view.out];
    paint(view);
  }, 700);
  paint(view);
  return view;
}

export default ({ data, parentElement }) => {
  const root = parentElement.querySelector(".pg-window"), before = views.get(root);
  if (before && before.data === data) return paint(before.view);
  if (before) clearInterval(before.view.timer);
  views.set(root, { data, view: build(root, JSON.parse(data)) });
};
