// What every layer makes of one sample, as pictures: orange is negative, blue is positive, each layer on its own scale.
// Values are read by pointing at them.

const views = new WeakMap();
const NEGATIVE = [224, 130, 20], POSITIVE = [8, 119, 189];

function numbers(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function tile(values, start, rows, columns, scale, zoom, dark) {
  const canvas = document.createElement("canvas");
  canvas.width = columns; canvas.height = rows;
  canvas.style.width = `${columns * zoom}px`; canvas.style.height = `${rows * zoom}px`;
  const pen = canvas.getContext("2d"), picture = pen.createImageData(columns, rows), ground = dark ? [24, 30, 38] : [250, 248, 244];
  for (let i = 0; i < rows * columns; i++) {
    const share = Math.max(-1, Math.min(1, values[start + i] / scale)), strength = Math.sqrt(Math.abs(share));
    const colour = share < 0 ? NEGATIVE : POSITIVE;
    for (let k = 0; k < 3; k++) picture.data[4 * i + k] = ground[k] + (colour[k] - ground[k]) * strength;
    picture.data[4 * i + 3] = 255;
  }
  pen.putImageData(picture, 0, 0);
  return canvas;
}

function draw(root, told) {
  const { layers, dark } = JSON.parse(told), said = document.createElement("div");
  said.className = "said"; said.textContent = "Point at a value to read it."; said.setAttribute("aria-live", "polite");
  root.replaceChildren(said);
  for (const layer of layers) {
    const row = document.createElement("div"), head = document.createElement("div"), body = document.createElement("div");
    row.className = "row"; head.className = "head"; body.className = "tiles";
    head.append(Object.assign(document.createElement("b"), { textContent: layer.title }), document.createElement("br"), layer.text);
    const values = numbers(layer.values), { maps, rows, columns } = layer, scale = layer.scale || 1;
    const wide = maps === 1, zoom = Math.max(1, Math.floor(Math.min(wide ? 560 / columns : 52 / columns, wide ? 60 / rows : 52 / rows, 14)));
    for (let map = 0; map < maps; map++) {
      const canvas = tile(values, map * rows * columns, rows, columns, scale, zoom, dark);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${layer.title}${maps > 1 ? `, map ${map}` : ""}`);
      canvas.onpointermove = (event) => {
        const box = canvas.getBoundingClientRect();
        const r = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows)));
        const c = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)));
        const place = maps > 1 ? [map, r * layer.stride, c * layer.stride] : rows > 1 ? [r, c] : [c];
        said.textContent = `${layer.title} [${place.join(", ")}] = ${values[map * rows * columns + r * columns + c].toPrecision(4)}`;
      };
      body.append(canvas);
    }
    if (layer.more) body.append(Object.assign(document.createElement("span"), { className: "more", textContent: layer.more }));
    row.append(head, body);
    root.append(row);
  }
}

export default ({ data, parentElement }) => {
  const root = parentElement.querySelector(".pg-maps");
  if (views.get(root) !== data) draw(root, data);
  views.set(root, data);
};
