// The waiting room of a sale.

import { ask } from "./api.js";
import { one, say, working } from "./dom.js";
import { dropPass, keepPass, passFor } from "./room-pass.js";
import { isSignedIn } from "./session.js";
import { follow } from "./stream.js";
import { number, span } from "./words.js";

let stream = null;

function show(sale, room) {
  if (room.token) keepPass(sale, room.token);
  one("#enter").hidden = true;
  one("#leave").hidden = false;
  const ahead = one("#ahead");
  const texts = {
    before: ["You are in", "Places are drawn at random when the sale opens. Nothing is gained by reloading."],
    waiting: ["", `people are before you. Your place is number ${number(room.place || 0)}.`],
    admitted: ["Your turn", "Come in. Your pass is good until you have ordered, or until it runs out."],
    closed: ["Closed", "The sale has ended."],
  };
  const [title, text] = texts[room.state] || ["", ""];
  ahead.textContent = room.state === "waiting" ? number(room.ahead || 0) : title;
  one("#place").textContent = text;
  one("#state").dataset.state = room.state;
  one("#eta").textContent =
    room.state === "waiting" && room.eta_seconds ? `It takes ${span(room.eta_seconds.low, room.eta_seconds.high)}.` : "";
  one("#go").hidden = room.state !== "admitted";
}

function listen(sale) {
  stream?.stop();
  const pass = passFor(sale);
  stream = follow(`/v1/rooms/${encodeURIComponent(sale)}/events`, {
    headers: pass ? { Place: pass } : {},
    onEvent: (type, room) => type === "place" && show(sale, room),
    onState: (isLive) => (one("#live").hidden = !isLive),
  });
}

export async function start() {
  const sale = one("#room").dataset.sale;
  const path = `/v1/rooms/${encodeURIComponent(sale)}`;
  const output = one("#answer");
  const headers = () => (passFor(sale) ? { Place: passFor(sale) } : {});
  if (!isSignedIn()) {
    say(output, "Sign in to take a place.", "wait");
    one("#sign-in").hidden = false;
    return;
  }
  one("#enter").hidden = false;
  one("#enter").addEventListener("click", () =>
    working(one("#enter"), output, async () => {
      show(sale, await ask("POST", path, { headers: headers() }));
      listen(sale);
    }),
  );
  one("#leave").addEventListener("click", () =>
    working(one("#leave"), output, async () => {
      await ask("DELETE", path, { headers: headers() });
      stream?.stop();
      dropPass(sale);
      location.reload();
    }),
  );
  if (passFor(sale)) {
    try {
      show(sale, await ask("GET", path, { headers: headers() }));
      listen(sale);
    } catch (problem) {
      if (problem.status === 404 || problem.status === 403) dropPass(sale);
      else say(output, problem.message, "bad");
    }
  }
}
