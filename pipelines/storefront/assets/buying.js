// Placing an order, and going where it leads.

import { place } from "./api.js";
import { say } from "./dom.js";
import { goToRoom, isForTheRoom, passHeaders } from "./room-pass.js";
import { reasonText } from "./words.js";

/** Orders what is of these sales, and goes to the order, or to the room where one has to wait; whether it is placed. */
export async function placeAndGo(sales, path, body, output) {
  let order;
  try {
    order = await place(path, body, { headers: passHeaders(sales) });
  } catch (problem) {
    if (!isForTheRoom(problem) || sales.length !== 1) throw problem;
    say(output, "This sale has a waiting room; you are on your way there.", "wait");
    goToRoom(sales[0]);
    return false;
  }
  if (order.state === "rejected") say(output, reasonText(order.reason), "bad");
  else location.assign(`/orders/${order.order_id}`);
  return true;
}
