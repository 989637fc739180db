// The waiting room of a sale.

import { ask } from "./api.js";
import { one, say, working } from "./dom.js";
import { dropPass, keepPass, passFor } from "./room-pass.js";
import { isStranger } from "./stranger.js";
import { follow } from "./stream.js";
import { number, span, time } from "./words.js";

let stream = null;

const headersFor = (sale) => (passFor(sale) ? { Place: passFor(sale) } : {});

function show(sale, room) {
  if (room.token) keepPass(sale, room.token);
  one("#enter").hidden = true;
  one("#leave").hidden = room.state === "closed";
  const ahead = one("#ahead");
  const opening = room.opens_at ? ` It opens ${time(room.opens_at)}.` : "";
  const texts = {
    before: ["You are in", `Places are drawn at random when the sale opens. Nothing is gained by reloading.${opening}`],
    waiting: ["", `${room.ahead === 1 ? "person is" : "people are"} before you. Your place is number ${number(room.place || 0)}.`],
    admitted: ["Your turn", "Come in: you may order now, and until the waiting room closes."],
    closed: ["Closed", "The waiting room is closed: whoever comes may order what is left."],
  };
  const [title, text] = texts[room.state] || ["", ""];
  // Figures change all the time; only what matters is said aloud.
  if (one("#state").dataset.state !== room.state) {
    one("#aloud").textContent = `${room.state === "waiting" ? number(room.ahead || 0) : title} ${text}`;
  }
  ahead.textContent = room.state === "waiting" ? number(room.ahead || 0) : title;
  one("#place").textContent = text;
  one("#state").dataset.state = room.state;
  one("#eta").textContent =
    room.state === "waiting" && room.eta_seconds ? `It takes ${span(room.eta_seconds.low, room.eta_seconds.high)}.` : "";
  one("#go").hidden = room.state !== "admitted" && room.state !== "closed";
}

function listen(sale) {
  stream?.stop();
  stream = follow(`/v1/rooms/${encodeURIComponent(sale)}/events`, {
    headers: headersFor(sale),
    onEvent: (type, room) => type === "place" && show(sale, room),
    onState: (isLive) => (one("#live").hidden = !isLive),
  });
}

/** The place there is, or null. A pass that is worth nothing, as that of another account, is dropped. */
async function current(sale, path) {
  try {
    return await ask("GET", path, { headers: headersFor(sale) });
  } catch (problem) {
    if (problem.status !== 403 && problem.status !== 404) throw problem;
    if (!passFor(sale)) return null;
    dropPass(sale);
    return current(sale, path);
  }
}

export async function start() {
  const sale = one("#room").dataset.sale;
  const path = `/v1/rooms/${encodeURIComponent(sale)}`;
  const output = one("#answer");
  if (isStranger("Sign in to take a place.")) return;
  one("#enter").hidden = false;
  one("#enter").addEventListener("click", () =>
    working(one("#enter"), output, async () => {
      show(sale, await ask("POST", path, { headers: headersFor(sale) }));
      listen(sale);
    }),
  );
  one("#leave").addEventListener("click", () =>
    working(one("#leave"), output, async () => {
      await ask("DELETE", path, { headers: headersFor(sale) });
      stream?.stop();
      dropPass(sale);
      location.reload();
    }),
  );
  await working(null, output, async () => {
    const room = await current(sale, path);
    if (!room) return;
    show(sale, room);
    listen(sale);
  });
}
