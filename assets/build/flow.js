// The network as blocks to scale: what every layer makes of one sample. A click picks a layer.
// Pictures, channels, steps and features have one linear scale each, so that blocks of one kind can be compared.

const SVG = "http://www.w3.org/2000/svg";
const TALL = 96, DEEP = 46, LONG = 96, LEAST = 3, CELL = 92, TOP = 18, FOOT = 46;
const views = new WeakMap();

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Pixels per unit of each kind: the largest of its kind fills the room that it has.
function scales(stages) {
  const largest = { side: 1, channels: 1, features: 1, steps: 1 };
  const see = (kind, size) => (largest[kind] = Math.max(largest[kind], size));
  for (const { shape } of stages) {
    if (!shape) continue;
    if (shape.length >= 3) { see("channels", shape[0]); see("side", shape.at(-1)); see("side", shape.at(-2)); }
    else if (shape.length === 2) { see("steps", shape[0]); see("features", shape[1]); }
    else if (shape.length === 1) see("features", shape[0]);
  }
  return { side: 64 / largest.side, channels: DEEP / largest.channels, features: TALL / largest.features, steps: LONG * 0.6 / largest.steps };
}

const px = (size, unit) => Math.max(LEAST, size * unit);

// One block around (x, y), the middle of its cell.
function block(shape, scale, x, y) {
  const group = element("g", { class: "block" });
  if (!shape) {
    group.append(element("rect", { x: x - 14, y: y - 14, width: 28, height: 28, class: "unknown" }));
    return group;
  }
  if (shape.length >= 3) {
    const width = px(shape.at(-1), scale.side), height = px(shape.at(-2), scale.side), depth = px(shape[0], scale.channels);
    const dx = depth * 0.7, dy = depth * 0.45, left = x - (width + dx) / 2, top = y - (height - dy) / 2;
    const points = (list) => list.map((point) => point.join(",")).join(" ");
    group.append(
      element("polygon", { class: "top", points: points([[left, top], [left + dx, top - dy], [left + dx + width, top - dy], [left + width, top]]) }),
      element("polygon", { class: "edge", points: points([[left + width, top], [left + width + dx, top - dy], [left + width + dx, top - dy + height], [left + width, top + height]]) }),
      element("rect", { class: "face", x: left, y: top, width, height }),
    );
  } else if (shape.length === 2) {
    const width = px(shape[0], scale.steps), height = px(shape[1], scale.features);
    group.append(element("rect", { class: "face", x: x - width / 2, y: y - height / 2, width, height }));
  } else if (shape.length === 1) {
    const height = px(shape[0], scale.features);
    group.append(element("rect", { class: "face", x: x - 6, y: y - height / 2, width: 12, height }));
  } else {
    group.append(element("circle", { class: "face", cx: x, cy: y, r: 4 }));
  }
  return group;
}

function draw(root, told, pick) {
  const { stages, selected } = JSON.parse(told);
  const height = TOP + TALL + FOOT + 6, width = stages.length * CELL, scale = scales(stages);
  const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group" });
  svg.setAttribute("aria-label", stages.map((stage) => `${stage.title} ${stage.text}`).join(", then "));
  stages.forEach((stage, index) => {
    const x = index * CELL + CELL / 2, y = TOP + TALL / 2, layer = index - 1;
    const cell = element("g", { class: ["cell", layer === selected && "selected", stage.wrong && "wrong", stage.after && "after"].filter(Boolean).join(" ") });
    cell.append(element("rect", { class: "ground", x: index * CELL + 1, y: 1, width: CELL - 2, height: height - 2, rx: 6 }));
    if (index) cell.append(element("path", { class: "arrow", d: `M${x - CELL / 2 - 7},${y} h9 m-3,-3 l3,3 l-3,3` }));
    cell.append(block(stage.shape, scale, x, y));
    cell.append(element("text", { x, y: TOP + TALL + 20, class: "title" }, stage.title));
    cell.append(element("text", { x, y: TOP + TALL + 34, class: "shape" }, stage.text));
    cell.append(element("text", { x, y: TOP + TALL + 47, class: "shape" }, stage.cost));
    cell.append(element("title", {}, stage.hint));
    if (layer >= 0) {
      cell.setAttribute("tabindex", "0");
      cell.setAttribute("role", "button");
      cell.setAttribute("aria-label", `Layer ${layer + 1}: ${stage.title}, ${stage.text}`);
      cell.onclick = () => pick(layer);
      cell.onkeydown = (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(layer); }
      };
    }
    svg.append(cell);
  });
  root.replaceChildren(svg);
}

export default ({ data, parentElement, setTriggerValue }) => {
  const root = parentElement.querySelector(".pg-flow");
  const seen = views.get(root);
  if (seen !== data) {
    draw(root, data, (layer) => setTriggerValue("pick", layer));
    views.set(root, data);
    const chosen = root.querySelector(".selected");
    if (chosen && root.scrollWidth > root.clientWidth) {
      const box = chosen.getBBox();
      if (box.x < root.scrollLeft || box.x + box.width > root.scrollLeft + root.clientWidth)
        root.scrollLeft = box.x - (root.clientWidth - box.width) / 2;
    }
  }
};
