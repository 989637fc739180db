// One order, as it happens.

import { ask } from "./api.js";
import { make, one, say, working } from "./dom.js";
import { itemLink } from "./names.js";
import { isStranger } from "./stranger.js";
import { follow } from "./stream.js";
import { duration, isOver, money, number, reasonText, stateMood, stateText, stateTitle, time } from "./words.js";

let order = null;
/** The decision the page came with: up to it, events only tell how it came to that. */
let known = null;
const seen = new Set();

function showLines() {
  const body = one("#lines tbody");
  const lines = order.lines || [];
  one("#lines").hidden = lines.length === 0;
  body.replaceChildren(
    ...lines.map((line) =>
      make(
        "tr",
        {},
        make("td", {}, itemLink(line.sku)),
        make("td", { class: "number" }, number(line.quantity)),
        make("td", { class: "number" }, line.unit_price ? money(line.unit_price, order.currency) : ""),
        make("td", {}, line.state === "left_out" ? "left out" : line.state === "awaited" ? "awaited" : ""),
      ),
    ),
  );
  const total = one("#total");
  total.textContent = order.total ? money(order.total, order.currency) : "";
  one("#tax").textContent = order.tax ? `${money(order.tax, order.currency)} tax included` : "";
}

function show() {
  const state = one("#state");
  state.textContent = stateTitle(order.state);
  state.className = `tag ${order.state}`;
  state.dataset.state = order.state;
  say(one("#meaning"), order.reason ? reasonText(order.reason) : stateText(order.state), stateMood(order.state));
  one("#cancel").hidden = !["held", "waiting", "reserving", "accepted", "entered"].includes(order.state);
  showLines();
}

function countDown() {
  const output = one("#deadline");
  const left = order?.deadline && order.state === "held" ? (Date.parse(order.deadline) - Date.now()) / 1000 : 0;
  output.textContent = left > 0 ? `Set aside for another ${duration(left)}` : "";
}

function addStep(event) {
  const key = `${event.event} ${event.decided_at}`;
  if (seen.has(key)) return;
  seen.add(key);
  one("#steps").append(
    make(
      "li",
      { class: stateMood(event.event) },
      make("strong", {}, stateTitle(event.event)),
      make("div", { class: "soft small" }, event.decided_at ? time(event.decided_at) : ""),
      event.reason ? make("div", {}, reasonText(event.reason)) : null,
    ),
  );
}

const CHANGES = { refund: false, refused: false };

/** Whether what an event says is in what the page came with. */
function isKnown(event, id) {
  if (known && event.decided_at > known.at) known = null;
  if (!known) return false;
  if (id === known.id) known = null;
  return true;
}

function take(event, id) {
  if (!event.event) return;
  addStep(event);
  if (isKnown(event, id) || CHANGES[event.event] === false) return;
  const state = event.event === "extended" ? "held" : event.event;
  order = { ...order, ...event, state, reason: event.reason };
  show();
}

export async function start() {
  const id = one("#order").dataset.order;
  const output = one("#answer");
  if (isStranger("Sign in to see your order.")) return;
  const path = `/v1/orders/${id}`;
  let isFound = true;
  try {
    order = await ask("GET", path);
    known = order.decision ? { id: order.decision, at: order.decided_at } : null;
  } catch (problem) {
    // Placed a moment ago, it may not have been read yet; its events will tell.
    if (problem.status !== 404) say(output, problem.message, "bad");
    isFound = false;
    order = { order_id: id, state: "accepted" };
  }
  one("#body").hidden = false;
  show();
  setInterval(countDown, 250);
  one("#cancel").addEventListener("click", () =>
    working(one("#cancel"), output, async () => {
      await ask("DELETE", path, { headers: { Prefer: "wait=3" } });
      say(output, "Your order is being withdrawn.", "good");
    }),
  );
  const stream = follow(`${path}/events`, {
    isFound,
    onEvent: (type, event, id) => {
      take(event, id);
      // After its end only a refund can follow, and that may take a while.
      if (!known && isOver(order.state) && order.state !== "expired" && order.state !== "cancelled") stream.stop();
    },
    onState: (isLive) => (one("#live").hidden = !isLive),
    onEnd: (status) => {
      if (status !== 404 || isFound || seen.size > 0) return;
      one("#body").hidden = true;
      say(output, "There is no such order in your account.", "bad");
    },
  });
}
