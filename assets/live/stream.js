/* Pictures that come by a stream instead of by reruns, where the page names one. The format: playground/service. */

const PICTURES = "application/x-playground-pictures";
const STILL_MS = 250;
const AGAIN_MS = 1000;
const FAILURES = 2; // in a row, after which the page is asked to send its pictures itself

/** Follows the stream that the picture names, and leaves it when it names none or nobody can see it. */
function followStream(view) {
  const seen = view.root.isConnected && !document.hidden;
  const wanted = seen && view.header?.stream ? view.header.stream : null;
  if (wanted && wanted === view.streaming?.token && !view.streaming.ended) return;
  view.streaming?.control.abort();
  view.streaming = wanted ? { token: wanted, control: new AbortController() } : null;
  if (wanted) readStream(view, view.streaming);
}

async function readStream(view, streaming) {
  let pictures = 0;
  try {
    const address = new URL(`playground/stream/${streaming.token}`, document.baseURI);
    const answer = await fetch(address, { signal: streaming.control.signal, cache: "no-store" });
    if (!answer.ok || !answer.headers.get("content-type")?.startsWith(PICTURES)) throw new Error("no stream");
    const reader = answer.body.getReader();
    let rest = new Uint8Array();
    let before = {};
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      rest = joined(rest, value);
      for (let length; rest.length >= 4 && rest.length >= 4 + (length = lengthAt(rest)); rest = rest.subarray(4 + length)) {
        const picture = unpack(rest.subarray(4, 4 + length), before);
        before = picture.arrays;
        pictures += 1;
        if (view.streaming === streaming) showStreamed(view, picture, streaming);
      }
      if (!view.root.isConnected) streaming.control.abort();
    }
  } catch {
    if (streaming.control.signal.aborted) return;
  }
  if (view.streaming !== streaming) return;
  streaming.ended = true;
  if (pictures && view.header.status !== "playing") return; // with its run
  view.streamFailures = pictures ? 0 : (view.streamFailures ?? 0) + 1;
  if (view.streamFailures >= FAILURES) send(view, "stream", { what: "no stream" });
  else setTimeout(() => view.streaming === streaming && followStream(view), AGAIN_MS);
}

function showStreamed(view, picture, streaming) {
  if (picture.header.seq <= view.header.seq && picture.header.run === view.header.run) return;
  picture.header.stream = streaming.token;
  takeIn(view, picture, (fresh) => adopt(view, fresh));
  markPhase(view);
  if (picture.header.status === "playing") return;
  // Where somebody has pressed Pause, the page is on its way already.
  setTimeout(() => view.streaming === streaming && send(view, "stream", { what: "stood still" }), STILL_MS);
}

const lengthAt = (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

function joined(first, second) {
  if (!first.length) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
