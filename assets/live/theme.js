/* Colours: the page's theme, the orange and blue scale, the colours of classes. */

const ORANGE = [245, 147, 34]; // negative, class 0
const BLUE = [8, 119, 189]; // positive, class 1
const BRIGHT_BLUE = [64, 165, 232]; // the same on a dark theme
const CLASS_COLOURS = [
  [230, 159, 0],
  [0, 114, 178],
  [0, 158, 115],
  [204, 121, 167],
  [213, 94, 0],
  [86, 180, 233],
  [240, 228, 66], // up to here Okabe and Ito (2008): told apart by every kind of colour vision
  [117, 76, 165],
  [140, 140, 140],
  [122, 62, 18],
];

const scratch = document.createElement("canvas").getContext("2d");
const rgb = ([r, g, b], alpha = 1) => `rgba(${r},${g},${b},${alpha})`;
const mix = (a, b, t) => a.map((value, k) => Math.round(value + (b[k] - value) * t));
const luminance = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;

function parseColour(text, fallback) {
  scratch.fillStyle = rgb(fallback);
  scratch.fillStyle = text.trim();
  const value = scratch.fillStyle;
  if (value.startsWith("#")) return [1, 3, 5].map((start) => parseInt(value.slice(start, start + 2), 16));
  return value
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);
}

/** 256 pixels from orange over `middle` to blue, as ImageData wants them. */
function divergingPixels(orange, middle, blue, strength) {
  const pixels = new Uint32Array(256);
  for (let level = 0; level < 256; level += 1) {
    const t = (level - 127.5) / 127.5;
    pixels[level] = pixel(mix(middle, t < 0 ? orange : blue, Math.abs(t) * strength));
  }
  return pixels;
}

const pixel = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;

function readTheme(root) {
  const style = getComputedStyle(root);
  const names = ["--st-background-color", "--st-text-color", "--st-font"];
  const [backgroundText, textText, font] = names.map((name) => style.getPropertyValue(name));
  const background = parseColour(backgroundText, [255, 255, 255]);
  const text = parseColour(textText, [38, 39, 48]);
  const dark = luminance(background) < 0.5;
  const middle = mix(background, text, dark ? 0.06 : 0.03);
  const blue = dark ? BRIGHT_BLUE : BLUE;
  return {
    key: `${backgroundText}|${textText}|${font}`,
    background,
    middle,
    text: rgb(text),
    muted: rgb(mix(text, background, dark ? 0.25 : 0.3)),
    line: rgb(mix(background, text, 0.28)),
    grid: rgb(mix(background, text, 0.1)),
    outline: dark ? rgb([190, 196, 206]) : rgb([255, 255, 255]),
    validation: dark ? rgb([52, 199, 160]) : rgb([0, 128, 96]),
    hatch: pixel(mix(background, text, 0.5)),
    orange: ORANGE,
    blue,
    danger: dark ? rgb([255, 120, 115]) : rgb([200, 50, 47]),
    font: font.trim() || "sans-serif",
    surface: divergingPixels(ORANGE, middle, blue, dark ? 0.6 : 0.7),
    tile: divergingPixels(ORANGE, middle, blue, 1),
  };
}

function classColour(view, index) {
  if (isBinary(view.header)) return index === 0 ? view.theme.orange : view.theme.blue;
  return CLASS_COLOURS[index % CLASS_COLOURS.length];
}

const cssOfPixel = (value) => `rgb(${value & 255},${(value >> 8) & 255},${(value >> 16) & 255})`;
