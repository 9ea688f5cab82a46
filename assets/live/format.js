/* Numbers as text, and round numbers for axes. */

const NONE = "–";
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const isNumber = (value) => value != null && Number.isFinite(value);

function formatLoss(value) {
  if (!isNumber(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e5)) return value.toExponential(2);
  return value.toFixed(size < 10 ? 4 : size < 1000 ? 2 : 0);
}

function formatShort(value) {
  if (!isNumber(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

function formatTick(value) {
  const size = Math.abs(value);
  if (size >= 1e6 && size < 1e9) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e3 && size < 1e6) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

const formatWeight = (value) => (Math.abs(value) >= 1e4 ? value.toExponential(4) : value.toFixed(4));
const formatPercent = (value, digits = 1) => (isNumber(value) ? `${(100 * value).toFixed(digits)} %` : NONE);
const formatWhole = (value) => (isNumber(value) ? Math.round(value).toLocaleString("en") : NONE);

function formatEpoch(header) {
  if (!isNumber(header.epoch)) return NONE;
  const text = header.steps_per_epoch > 1 ? header.epoch.toFixed(1) : String(Math.round(header.epoch));
  return text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Round values between low and high, at most about `count` of them. */
function niceTicks(low, high, count) {
  const raw = (high - low) / count;
  if (!(raw > 0) || !Number.isFinite(raw)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.75);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) ticks.push(k * step);
  return ticks;
}

function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const factors = decades < 1 ? [1, 2, 3, 5] : decades < 2 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil(decades / 4));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}
