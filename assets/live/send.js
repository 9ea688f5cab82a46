/* What a visitor does in the view, on its way to Python. */

const KEPT_MS = 2000; // a later message carries those before it along: Streamlit may drop one that waits
const DRAG_MS = 90; // between two messages while something is dragged

/** Sends `message`; one with the same `key` that may still be on its way is replaced. */
function send(view, key, message) {
  clearTimeout(view.sendTimer);
  view.sendTimer = 0;
  const now = performance.now();
  view.sent += 1;
  view.outbox = view.outbox.filter((entry) => now - entry.when < KEPT_MS && entry.key !== key);
  view.outbox.push({ when: now, key, message: { n: view.sent, ...message } });
  view.trigger?.("touch", { view: view.name, said: view.outbox.map((entry) => entry.message) });
}

/** Sends the newest of many messages now and then, as they come while dragging. */
function sendSoon(view, key, message) {
  view.soon = () => send(view, key, message);
  view.sendTimer ||= setTimeout(() => view.soon(), DRAG_MS);
}
