/* One step a second: forward, loss, backward and update are shown in turn before the picture of the step's end. */

const PHASES = [
  ["forward", "the batch goes through the layers"],
  ["loss", "the outputs are compared with the targets"],
  ["backward", "the gradients come back through the layers"],
  ["update", "the optimizer moves every weight"],
];
const PHASES_TAKE = 780; // ms, so that they end before the next step comes

function buildPhases(view) {
  const box = element("div", "pg-phases", view.panels.network.box, { "aria-hidden": "true" });
  const words = PHASES.map(([name, title], k) => {
    const word = element("span", "", box, { title });
    setText(word, `${k + 1} ${name}`);
    return word;
  });
  return { box, words };
}

/** What is lit up, one after the other: columns from left to right, the loss, columns from right to left, the weights. */
function phaseFrames(columns) {
  const forward = Array.from({ length: columns }, (_, column) => ({ name: "forward", column }));
  const backward = forward.slice(1).reverse().map(({ column }) => ({ name: "backward", column }));
  return [...forward, { name: "loss" }, { name: "loss" }, ...backward, { name: "update" }, { name: "update" }];
}

/** Take in a snapshot: at once, or when the phases of its step have been shown. */
function takeIn(view, fresh, adopt) {
  if (view.coming && view.coming.header.seq === fresh.header.seq) return; // its phases are under way
  endPhases(view, adopt);
  const { header } = fresh;
  view.phased = Boolean(header.phases);
  const next = view.header && header.step === view.header.step + 1 && header.columns.length > 1;
  if (!view.phased || !next || reducedMotion.matches) {
    adopt(fresh);
    return;
  }
  view.coming = fresh;
  const frames = phaseFrames(header.columns.length);
  const show = (k) => {
    if (k === frames.length) {
      endPhases(view, adopt);
      return;
    }
    view.phase = frames[k];
    markPhase(view);
    schedule(view, ["network"]);
    view.phaseTimer = setTimeout(show, PHASES_TAKE / frames.length, k + 1);
  };
  show(0);
}

/** The picture that was held back, if there is one. */
function endPhases(view, adopt) {
  clearTimeout(view.phaseTimer);
  const { coming } = view;
  Object.assign(view, { coming: null, phase: null });
  if (coming) adopt(coming);
}

function markPhase(view) {
  const name = view.phase?.name ?? "";
  view.phases.box.dataset.shown = String(Boolean(view.phased));
  PHASES.forEach(([phase], k) => (view.phases.words[k].dataset.on = String(phase === name)));
  view.numbers.loss.value.dataset.on = String(name === "loss");
  view.root.dataset.phase = name;
}

function drawPhase(view, context, places) {
  const { phase, theme } = view;
  if (!phase) return;
  const into = phase.name === "update" ? places.keys() : phase.column === undefined ? [] : [phase.column];
  context.strokeStyle = phase.name === "backward" ? theme.danger : theme.text;
  context.lineWidth = 1;
  context.globalAlpha = 0.45;
  for (const c of into) {
    const weights = c > 0 && weightsInto(view, c);
    if (!weights) continue;
    const [bins, faint] = [Array.from({ length: 2 * LEVELS }, () => []), []];
    gatherEdges(bins, faint, weights, places[c - 1], places[c], null);
    strokeEdges(context, bins.flat());
  }
  context.globalAlpha = 1;
  context.lineWidth = 2.5;
  const lit = phase.name === "loss" ? [places.length - 1] : phase.name === "update" ? [] : into;
  for (const c of lit) {
    const { x, size, ys } = places[c];
    context.beginPath();
    for (const y of ys) context.rect(x - size / 2 - 2, y - size / 2 - 2, size + 4, size + 4);
    context.stroke();
  }
}
