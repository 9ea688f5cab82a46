/* Output for tables with classes: the confusion matrix and the most confidently wrong samples. */

function confusionPlace(view, panel, context) {
  const { arrays, header, theme } = view;
  const count = arrays.confusion.shape[0];
  setFont(context, theme, 10);
  const names = Array.from({ length: count }, (_, k) => className(header, k));
  const widest = Math.max(...names.map((name) => context.measureText(name).width));
  const left = clamp(widest + 22, 30, 92);
  const images = Boolean(arrays.worst_images);
  const sentences = header.continued ? 2 : Math.min(header.worst?.length ?? 0, 6);
  const bottom = images || !sentences ? 30 : 30 + 18 + 15 * sentences;
  const right = images ? 104 : 4;
  const cellHeight = Math.floor(Math.min((panel.height - TITLE - bottom) / count, 56));
  const cellWidth = Math.floor(Math.min((panel.width - left - right) / count, 2 * cellHeight));
  const [width, height] = [cellWidth * count, cellHeight * count];
  return { x: left, y: TITLE + 2, cellWidth, cellHeight, width, height, count, names, images };
}

function drawConfusion(view, panel, context) {
  const place = confusionPlace(view, panel, context);
  panel.field = place;
  drawConfusionCells(view, context, place);
  drawConfusionWords(view, context, place);
  if (place.images) drawWorstImages(view, panel, context, place);
  else if (view.header.continued) drawContinuedText(view, context, place);
  else drawWorstSentences(view, context, place);
}

function rowTotal(confusion, row, count) {
  let total = 0;
  for (let k = 0; k < count; k += 1) total += confusion[row * count + k];
  return total;
}

function drawConfusionCells({ theme, arrays, focus }, context, { x, y, cellWidth, cellHeight, count }) {
  const { confusion } = arrays;
  for (let row = 0; row < count; row += 1) {
    const total = rowTotal(confusion, row, count) || 1;
    for (let column = 0; column < count; column += 1) {
      const value = confusion[row * count + column];
      const share = value / total;
      const colour = mix(theme.middle, row === column ? theme.blue : theme.orange, value ? 0.12 + 0.8 * share : 0);
      context.fillStyle = rgb(colour);
      context.fillRect(x + column * cellWidth, y + row * cellHeight, cellWidth - 1, cellHeight - 1);
      if (!value || cellHeight < 9) continue; // in a crowd the colour tells more
      const ink = luminance(colour) > 0.52 ? "rgb(20,22,28)" : "rgb(255,255,255)";
      const at = [x + (column + 0.5) * cellWidth - 0.5, y + (row + 0.5) * cellHeight];
      write(context, theme, String(value), ...at, { align: "center", colour: ink, size: cellWidth < 20 ? 9 : 11 });
    }
  }
  if (focus?.kind === "cell") {
    context.strokeStyle = theme.text;
    context.lineWidth = 1.5;
    context.strokeRect(x + focus.column * cellWidth - 0.5, y + focus.row * cellHeight - 0.5, cellWidth, cellHeight);
  }
}

function drawConfusionWords({ theme }, context, { x, y, cellWidth, cellHeight, width, height, names }) {
  names.forEach((name, k) => {
    const [column, row] = [x + (k + 0.5) * cellWidth, y + (k + 0.5) * cellHeight];
    if (k % Math.ceil(9 / cellHeight) === 0) write(context, theme, name, x - 6, row, { align: "right", size: 10, room: x - 20 });
    write(context, theme, name, column, y + height + 8, { align: "center", size: 10, room: cellWidth + 2 });
  });
  write(context, theme, "predicted", x + width / 2, y + height + 21, { align: "center", size: 10 });
  context.save();
  context.translate(7, y + height / 2);
  context.rotate(-Math.PI / 2);
  write(context, theme, "true", 0, 0, { align: "center", size: 10 });
  context.restore();
}

function worstSentence(header, { index, true: truth, predicted, probability }) {
  const [meant, said] = [className(header, truth), className(header, predicted)];
  return `sample ${index}: true ${meant}, said ${said} (${formatPercent(probability, 0)})`;
}

function drawWorstSentences({ theme, header }, context, { y, height }) {
  if (!header.worst?.length) return;
  const top = y + height + 40;
  write(context, theme, "Most confidently wrong", AXIS.left, top, { colour: theme.text, weight: 600 });
  header.worst
    .slice(0, 6)
    .forEach((sample, k) => write(context, theme, worstSentence(header, sample), AXIS.left, top + 15 * (k + 1)));
}

function drawWorstImages(view, panel, context, place) {
  const { theme, header } = view;
  const left = panel.width - 92;
  write(context, theme, "Most wrong", left, 7, { colour: theme.text, weight: 600 });
  write(context, theme, "true → predicted", left + 44, place.y + place.height + 21, { align: "center", size: 10 });
  header.worst.slice(0, 6).forEach((sample, k) => {
    const x = left + (k % 2) * 48;
    const y = place.y + Math.floor(k / 2) * 80;
    context.imageSmoothingEnabled = false;
    context.drawImage(worstImage(view, k), x, y, 40, 40);
    context.imageSmoothingEnabled = true;
    drawFrame(context, theme, { x, y, width: 40, height: 40 });
    const words = `${className(header, sample.true)} → ${className(header, sample.predicted)}`;
    write(context, theme, words, x + 20, y + 51, { align: "center", colour: theme.text, room: 46 });
    write(context, theme, formatPercent(sample.probability, 0), x + 20, y + 64, { align: "center", size: 10 });
  });
}

function worstImage(view, k) {
  const images = view.arrays.worst_images;
  const [, rows, columns] = images.shape;
  view.worst ??= [];
  view.worst[k] = pixelBuffer(view.worst[k], columns, rows);
  const start = k * rows * columns;
  for (let at = 0; at < rows * columns; at += 1) {
    const value = images[start + at];
    view.worst[k].pixels[at] = pixel([value, value, value]);
  }
  flush(view.worst[k]);
  return view.worst[k].canvas;
}

function describeConfusion({ header, arrays, focus }) {
  const count = arrays.confusion.shape[0];
  const value = arrays.confusion[focus.row * count + focus.column];
  const total = rowTotal(arrays.confusion, focus.row, count);
  const [truth, said] = [className(header, focus.row), className(header, focus.column)];
  return `true ${truth}, predicted ${said}\n${value} of ${total} samples (${formatPercent(value / (total || 1))})`;
}
