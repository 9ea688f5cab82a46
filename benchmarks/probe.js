/*
 * What a benchmark sees of a page: installed before the page's own code, read with `take()`.
 *
 * Times are milliseconds of performance.now(). Nothing here asks for animation frames unless `frames(true)` was called,
 * so that watching does not make the browser draw.
 */
(() => {
  const probe = (globalThis.benchmark = { pictures: [], paints: [], rebuilds: 0, inputs: [], marks: {}, since: 0 });
  let root = null;
  let counting = false;

  const views = () => [...document.querySelectorAll("[data-testid='stBidiComponentIsolated']")];
  const findRoot = () => views().map((host) => host.shadowRoot?.querySelector(".pg-live")).find(Boolean) ?? null;
  const holdsView = (node) =>
    node.nodeType === 1 && (node.matches?.("canvas, [data-testid^='stBidiComponent']") ||
      Boolean(node.querySelector?.("canvas, [data-testid^='stBidiComponent']")));

  /** Every picture drawn: the view writes seq, step and status on its root when it has drawn them. */
  const onPicture = () => {
    const { seq, step, status } = root.dataset;
    const last = probe.pictures.at(-1);
    if (last && last.seq === seq && last.status === status) return;
    probe.pictures.push({ time: performance.now(), seq, step: Number(step), status });
  };

  probe.install = () => {
    root = findRoot();
    const options = { attributes: true, attributeFilter: ["data-seq", "data-status", "data-step"] };
    new MutationObserver(onPicture).observe(root, options);
    const inside = (records) => (probe.rebuilds += records.filter((record) => record.target.nodeName !== "#text").length);
    new MutationObserver(inside).observe(root.getRootNode(), { childList: true, subtree: true });
    const outside = (records) => {
      for (const { addedNodes, removedNodes } of records) {
        probe.rebuilds += [...addedNodes, ...removedNodes].filter(holdsView).length;
      }
    };
    new MutationObserver(outside).observe(document.body, { childList: true, subtree: true });
  };

  /** What the visitor did last: the times of clicks and of pressed keys. */
  for (const kind of ["click", "keydown"]) {
    addEventListener(kind, (event) => probe.inputs.push({ kind, key: event.key, time: event.timeStamp }), true);
  }

  /** Bytes that came by streams. */
  probe.streamed = 0;
  const read = ReadableStreamDefaultReader.prototype.read;
  ReadableStreamDefaultReader.prototype.read = async function () {
    const part = await read.call(this);
    probe.streamed += part.value?.byteLength ?? 0;
    return part;
  };

  probe.frames = (wanted) => {
    counting = wanted;
    const count = (time) => {
      probe.paints.push(time);
      if (counting) requestAnimationFrame(count);
    };
    if (wanted) requestAnimationFrame(count);
  };

  probe.now = () => (root ? { ...root.dataset } : {});

  probe.take = () => {
    const { pictures, paints, rebuilds, inputs, since } = probe;
    const now = performance.now();
    Object.assign(probe, { pictures: [], paints: [], rebuilds: 0, inputs: [], since: now });
    return { pictures, paints, rebuilds, inputs, since, now };
  };

  /** For `seconds`: how many of the pictures drawn (by seq) differ in any pixel from the one before. */
  probe.pixels = async (seconds) => {
    const hash = (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Uint32Array(data.buffer).reduce((sum, pixel) => (Math.imul(sum, 31) + pixel) | 0, 0);
    };
    const [seen, hashes] = [new Set(), new Set()];
    for (const end = performance.now() + 1000 * seconds; performance.now() < end; ) {
      await new Promise(requestAnimationFrame);
      if (seen.has(root.dataset.seq)) continue;
      seen.add(root.dataset.seq);
      hashes.add([...root.querySelectorAll("canvas")].map(hash).join());
    }
    return { pictures: seen.size, different: hashes.size };
  };

  /** Notes when each condition of {name: () => boolean} first holds, checked once per frame; epoch milliseconds. */
  probe.mark = (conditions) => {
    const look = () => {
      for (const [name, holds] of Object.entries(conditions)) {
        if (!(name in probe.marks) && holds()) probe.marks[name] = performance.timeOrigin + performance.now();
      }
      if (Object.keys(conditions).some((name) => !(name in probe.marks))) requestAnimationFrame(look);
    };
    look();
  };
  probe.view = findRoot;
})();
