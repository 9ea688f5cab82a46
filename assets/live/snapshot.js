/* A packed snapshot, unpacked into {header, arrays}, and the names of what is in it. The format: playground/engine. */

const decoder = new TextDecoder();

/** Arrays that `header.kept` names have not changed since the picture `before`. */
function unpack(bytes, before = {}) {
  const { buffer } = bytes.slice(); // a copy starts at 0: float arrays must lie at multiples of 4
  const length = new DataView(buffer).getUint32(0, true);
  const header = { columns: [], classes: [], ...JSON.parse(decoder.decode(new Uint8Array(buffer, 4, length))) };
  const arrays = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(header.arrays ?? {})) {
    const count = shape.reduce((product, size) => product * size, 1);
    const Kind = dtype === "f4" ? Float32Array : Uint8Array;
    arrays[name] = Object.assign(new Kind(buffer, 4 + length + offset, count), { shape });
  }
  for (const name of header.kept ?? []) arrays[name] = before[name];
  return { header, arrays };
}

const hasValidation = ({ header, arrays }) =>
  header.val != null || Boolean(arrays.curve_val_loss?.some(Number.isFinite));
const isBinary = (header) => header.task === "classification" && header.classes.length === 2;

/** A class as it is called; points of the plane have no names but numbers. */
function className(header, index) {
  const name = header.classes[index] ?? String(index);
  return header.view !== "table" && /^\d+$/.test(name) ? `class ${name}` : name;
}

function unitName(header, column, unit) {
  const { labels, units } = header.columns[column];
  if (column === 0) return labels[unit] ?? (units === 1 ? "x" : `x${unit + 1}`);
  if (isNamed(header, column)) return className(header, unit);
  return column === header.columns.length - 1 && units === 1 ? "output" : `unit ${unit + 1}`;
}

/** Whether a column's units have names of their own: the inputs, and outputs that stand for a class each. */
function isNamed(header, column) {
  const last = header.columns.length - 1;
  return column === 0 || (column === last && header.columns[last].units === header.classes.length);
}
