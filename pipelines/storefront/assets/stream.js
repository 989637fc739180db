// Server-sent events by fetch, as EventSource can carry no token. Goes on after the last event it has seen.

import { token, isSignedIn } from "./session.js";

const WAIT_FIRST_MS = 500;
const WAIT_LONGEST_MS = 15_000;
/** So often in a row what there was once may be missing: a gateway that has just started has not read so far. */
const MISSING_MAX = 8;

function parse(block) {
  const event = { type: "message", data: "", id: null, retry: null };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event.type = value;
    else if (field === "data") event.data += (event.data ? "\n" : "") + value;
    else if (field === "id") event.id = value;
    else if (field === "retry") event.retry = Number(value) || null;
  }
  return event;
}

async function read(response, take) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest = (rest + value).replaceAll("\r\n", "\n");
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      take(parse(rest.slice(0, end)));
      rest = rest.slice(end + 2);
    }
  }
}

/**
 * Follows `path` until `stop()` is called: `onEvent(type, data, id)` for each event, `onState(isLive)` when the connection comes
 * or goes. Ends by itself where the gateway says there is nothing to follow, and tells `onEnd(status)`. What there was once, or
 * what is known to be there (`isFound`), is asked for again for a while.
 */
export function follow(path, { onEvent, onState = () => {}, onEnd = () => {}, headers = {}, isFound = false }) {
  const ended = new AbortController();
  let last = null;
  let missing = 0;
  let wait = WAIT_FIRST_MS;

  const once = async () => {
    const all = { Accept: "text/event-stream", ...headers };
    if (last) all["Last-Event-ID"] = last;
    const access = isSignedIn() ? await token() : null;
    if (access) all.Authorization = `Bearer ${access}`;
    const response = await fetch(path, { headers: all, signal: ended.signal, cache: "no-store", credentials: "same-origin" });
    missing = response.status === 404 ? missing + 1 : 0;
    if (missing > (isFound ? MISSING_MAX : 0) || [204, 400, 403, 410].includes(response.status)) {
      onEnd(response.status);
      return false;
    }
    if (!response.ok) throw new Error(`status ${response.status}`);
    onState(true);
    await read(response, (event) => {
      wait = WAIT_FIRST_MS;
      if (event.id !== null) last = event.id;
      if (event.retry) wait = event.retry;
      if (!event.data) return;
      isFound = true;
      onEvent(event.type, JSON.parse(event.data), event.id);
    });
    return true;
  };

  (async () => {
    while (!ended.signal.aborted) {
      try {
        if (!(await once())) break;
      } catch {
        if (ended.signal.aborted) break;
      }
      onState(false);
      await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
      wait = Math.min(wait * 2, WAIT_LONGEST_MS);
    }
  })();
  return { stop: () => ended.abort() };
}
